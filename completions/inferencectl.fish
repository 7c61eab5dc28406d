# fish completion for inferencectl

function __inferencectl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] __complete -- $words[2..] "$current" 2>/dev/null)
    set -l bits (string replace -r '^:' '' -- $answer[-1])
    string match -qr '^[0-9]+$' -- $bits; or return
    set -e answer[-1]
    # The word in front of '=' stays as it is.
    set -l lead (string match -r -- '^--[^=]*=' $current)
    if test (count $answer) -eq 0; and test (math "floor($bits / 4) % 2") -eq 0
        set lead (string match -r -- '^[^=]*=' $current)
        set -l path (string replace -- "$lead" '' $current)
        for file in (__fish_complete_path $path '')
            printf '%s%s\n' "$lead" $file
        end
        return
    end
    for line in $answer
        printf '%s%s\n' "$lead" $line
    end
end

complete -c inferencectl -f -a '(__inferencectl_complete)'
