# Completion of duolog for fish: duolog completion fish | source
function __duolog_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] complete -- $words[2..] 2>/dev/null
end
complete -c duolog -f -a '(__duolog_complete)'
