#compdef duolog
# Completion of duolog for zsh: source <(duolog completion zsh), after compinit
_duolog() {
  local line
  local -a found
  while IFS= read -r line; do
    found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done < <("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe duolog found
}
compdef _duolog duolog
