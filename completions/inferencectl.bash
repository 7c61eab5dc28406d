# bash completion for inferencectl

_inferencectl() {
    # Bash splits words at ':' and '=', too (COMP_WORDBREAKS). Here they are put together again, as
    # far as the cursor. `own` is what Bash takes for the current word: the part that is replaced.
    local line=${COMP_LINE:0:COMP_POINT} words=() own='' gap word i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=${line%%[![:space:]]*}
        line=${line#"$gap"}
        word=${COMP_WORDS[i]}
        ((i == COMP_CWORD)) && word=$line
        line=${line#"$word"}
        if [[ -n $gap || $i -eq 0 ]]; then
            words+=("$word")
        else
            words[${#words[@]} - 1]+=$word
        fi
        own=$word
    done
    [[ $own == [:=]* ]] && own=''
    local current=${words[${#words[@]} - 1]}
    local kept=${current%"$own"} quote=${current:0:1} lead=''
    [[ $current == --*=* ]] && lead=${current%%=*}=

    # Quotes are the shell's, not the program's.
    for i in "${!words[@]}"; do
        words[i]=${words[i]//[\"\'\\]/}
    done
    local answer
    answer=$("${words[0]/#\~/$HOME}" __complete -- "${words[@]:1}" 2>/dev/null) || return 0
    local bits=${answer##*:} value
    COMPREPLY=()
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        [[ $line == :* || -z $value ]] && continue
        value=$lead$value
        value=${value#"$kept"}
        [[ $quote == [\"\'] ]] || printf -v value %q "$value"
        COMPREPLY+=("$value")
    done <<<"$answer"
    ((bits & 2)) && compopt -o nospace
    ((bits & 4)) && compopt +o default
    return 0
}

complete -o default -o nosort -F _inferencectl inferencectl
