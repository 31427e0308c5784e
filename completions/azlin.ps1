# PowerShell completion for azlin: azlin completion powershell --install puts it in place. What is offered comes from azlin itself.

Register-ArgumentCompleter -Native -CommandName azlin -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    # The words before the one at the cursor, as azlin would get them.
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object {
            if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text }
        })
    # An open quote is not part of the word. The dot keeps an empty word: older versions drop empty arguments.
    $current = ($wordToComplete -replace '^[''"]', '') + '.'
    $reply = @(azlin __complete -- powershell @words $current 2>$null)
    # Where azlin has no words to offer, PowerShell offers files.
    if ($reply.Count -lt 2 -or $reply[0] -ne 'words') { return }
    $reply | Select-Object -Skip 1 | ForEach-Object {
        $value, $description = $_ -split "`t", 2
        $typed = if ($value -match '^[\w/.:+=-]+$') { $value } else { "'" + ($value -replace "'", "''") + "'" }
        $help = if ([string]::IsNullOrEmpty($description)) { $value } else { $description }
        [System.Management.Automation.CompletionResult]::new($typed, $value, 'ParameterValue', $help)
    }
}
