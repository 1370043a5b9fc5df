package fakegitlab_test

import (
	"testing"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// TestTalkAboutAMergeRequest opens one, talks in a thread, edits, and awards.
func TestTalkAboutAMergeRequest(t *testing.T) {
	t.Parallel()
	c := client(t, start(t, nil), devToken)
	id := site(t, c)
	commit(t, c, id, "work", "workflow: {rules: [{when: never}]}\nx: {script: [echo]}")
	open := &gitlab.CreateMergeRequestOptions{Title: new("Work"), SourceBranch: new("work"), TargetBranch: new("main")}
	mr := must[*gitlab.MergeRequest](t)(c.MergeRequests.CreateMergeRequest(id, open))
	if mr.IID != 1 || mr.State != "opened" || mr.SHA == "" || mr.Author.Username != "dana" {
		t.Errorf("merge request %+v", mr)
	}
	if _, r, _ := c.MergeRequests.CreateMergeRequest(id, open); status(r) != 409 {
		t.Errorf("opened twice: %d", status(r))
	}

	single := must[*gitlab.Note](t)(c.Notes.CreateMergeRequestNote(id, mr.IID, &gitlab.CreateMergeRequestNoteOptions{Body: new("looks good")}))
	thread := must[*gitlab.Discussion](t)(c.Discussions.CreateMergeRequestDiscussion(id, mr.IID, &gitlab.CreateMergeRequestDiscussionOptions{Body: new("@duo why?")}))
	reply := must[*gitlab.Note](t)(c.Discussions.AddMergeRequestDiscussionNote(id, mr.IID, thread.ID, &gitlab.AddMergeRequestDiscussionNoteOptions{Body: new("working")}))
	edited := must[*gitlab.Note](t)(c.Discussions.UpdateMergeRequestDiscussionNote(id, mr.IID, thread.ID, reply.ID, &gitlab.UpdateMergeRequestDiscussionNoteOptions{Body: new("done")}))
	if edited.Body != "done" || edited.ID != reply.ID || edited.NoteableIID != mr.IID || string(edited.Type) != "DiscussionNote" || string(single.Type) != "" {
		t.Errorf("single %+v, edited %+v", single, edited)
	}
	all := must[[]*gitlab.Discussion](t)(c.Discussions.ListMergeRequestDiscussions(id, mr.IID, nil))
	if len(all) != 2 || !all[0].IndividualNote || all[1].ID != thread.ID || len(all[1].Notes) != 2 || all[1].Notes[1].Body != "done" {
		t.Errorf("discussions %+v", all)
	}
	if notes := must[[]*gitlab.Note](t)(c.Notes.ListMergeRequestNotes(id, mr.IID, &gitlab.ListMergeRequestNotesOptions{Sort: new("asc")})); len(notes) != 3 || notes[0].ID != single.ID {
		t.Errorf("notes %+v", notes)
	}

	eyes := must[*gitlab.AwardEmoji](t)(c.AwardEmoji.CreateMergeRequestAwardEmojiOnNote(id, mr.IID, reply.ID, &gitlab.CreateAwardEmojiOptions{Name: "eyes"}))
	if _, r, _ := c.AwardEmoji.CreateMergeRequestAwardEmojiOnNote(id, mr.IID, reply.ID, &gitlab.CreateAwardEmojiOptions{Name: "eyes"}); status(r) != 404 {
		t.Errorf("awarded twice: %d", status(r))
	}
	on := must[[]*gitlab.AwardEmoji](t)(c.AwardEmoji.ListMergeRequestAwardEmojiOnNote(id, mr.IID, reply.ID, nil))
	if len(on) != 1 || on[0].Name != "eyes" || on[0].AwardableType != "Note" {
		t.Errorf("awards %+v", on)
	}
	if _, err := c.AwardEmoji.DeleteMergeRequestAwardEmojiOnNote(id, mr.IID, reply.ID, eyes.ID); err != nil {
		t.Error(err)
	}
	if _, err := c.Notes.DeleteMergeRequestNote(id, mr.IID, single.ID); err != nil {
		t.Error(err)
	}
}

// TestTalkAboutAnIssue: issues have the same.
func TestTalkAboutAnIssue(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	c := client(t, s, devToken)
	id := site(t, c)
	i := must[*gitlab.Issue](t)(c.Issues.CreateIssue(id, &gitlab.CreateIssueOptions{Title: new("Typo")}))
	n := must[*gitlab.Note](t)(c.Notes.CreateIssueNote(id, i.IID, &gitlab.CreateIssueNoteOptions{Body: new("@duo fix it")}))
	must[*gitlab.AwardEmoji](t)(c.AwardEmoji.CreateIssueAwardEmoji(id, i.IID, &gitlab.CreateAwardEmojiOptions{Name: "thumbsup"}))
	if n.NoteableType != "Issue" || n.Author.Username != "dana" {
		t.Errorf("note %+v", n)
	}
	if _, r, _ := c.Notes.UpdateIssueNote(id, i.IID, n.ID, &gitlab.UpdateIssueNoteOptions{}); status(r) != 400 {
		t.Errorf("an empty note: %d", status(r))
	}
	if kept := must[*gitlab.Note](t)(c.Notes.GetIssueNote(id, i.IID, n.ID)); kept.Body != "@duo fix it" {
		t.Errorf("kept %+v", kept)
	}
	olga := client(t, s, "glpat-olga")
	closed := must[*gitlab.Issue](t)(olga.Issues.UpdateIssue(id, i.IID, &gitlab.UpdateIssueOptions{StateEvent: new("close")}))
	if closed.State != "closed" {
		t.Errorf("closed %+v", closed)
	}
}
