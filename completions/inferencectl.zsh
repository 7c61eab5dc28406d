#compdef inferencectl
# zsh completion for inferencectl

_inferencectl() {
    local -a lines values
    local line bits value
    lines=("${(@f)$("${(Q)words[1]/#\~/$HOME}" __complete -- "${(@Q)words[2,CURRENT-1]}" \
        "${(Q)PREFIX}" 2>/dev/null)}")
    bits=${lines[-1]#:}
    [[ $bits == <-> ]] || return 1
    lines[-1]=()

    # The word in front of '=' stays as it is.
    [[ $PREFIX == --*=* ]] && compset -P '--[^=]#='
    if (( ! $#lines )); then
        (( bits & 4 )) && return 1
        [[ $PREFIX == *=* ]] && compset -P '[^=]#='
        _files
        return
    fi
    for line in "${lines[@]}"; do
        value=${line%%$'\t'*}
        value=${value//:/\\:}
        [[ $line == *$'\t'* ]] && value+=:${line#*$'\t'}
        values+=("$value")
    done
    if (( bits & 2 )); then
        _describe -t words word values -S ''
    else
        _describe -t words word values
    fi
}

if [[ $funcstack[1] == _inferencectl ]]; then
    _inferencectl "$@"
else
    compdef _inferencectl inferencectl
fi
