# Completion of tracklight(1) for bash. What can be completed is asked of the command itself, so that it is never out of date.

_tracklight() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        -*) ;;
        *) command=$word && break ;;
        esac
    done
    COMPREPLY=()
    case $previous in
    --config | --env-file | --log-file | --artifacts-destination | --expose-prometheus | import)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        [[ $current == -* ]] || return
        ;;
    esac
    if [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(tracklight --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\|[a-z]*\) .*/\1/p')" -- "$current")
    elif [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(tracklight "$command" --help 2>/dev/null | grep -o -- '--[a-z][a-z-]*' | sort -u)" -- "$current")
    elif [[ $previous == "$command" ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(tracklight "$command" --help 2>/dev/null |
            sed -n "s/^Usage: tracklight $command \([a-z|-]*\).*/\1/p" | tr '|' ' ')" -- "$current")
    fi
}
complete -o default -F _tracklight tracklight
