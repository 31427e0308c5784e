# fish completion for azlin: azlin completion --install puts it in place. What is offered comes from azlin itself.

function __azlin_complete
    # An open quote is not part of the word.
    set -l current (string replace -r '^["\']' '' -- (commandline -ct))
    set -l reply (azlin __complete -- fish (commandline -opc) "$current" 2>/dev/null)
    or return
    # For --option=FILE, complete the file.
    set -l option (string match -r '^--[^=]+=' -- "$current")
    set -l path (string replace -r '^--[^=]+=' '' -- "$current")
    switch "$reply[1]"
        case files
            string replace -r '^' -- "$option" (__fish_complete_path "$path")
        case directories
            string replace -r '^' -- "$option" (__fish_complete_directories "$path")
        case words
            printf '%s\n' $reply[2..-1]
    end
end

complete -c azlin -f -k -a '(__azlin_complete)'
