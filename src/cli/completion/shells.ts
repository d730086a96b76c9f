/**
 * What each shell runs when somebody presses Tab. It hands the words to `pamctl complete` as they are typed, and takes lines of a value, a tab and a
 * description; the line `:files` asks for names of files. Nothing that was typed, and nothing that is answered, is evaluated.
 */
export const SHELLS = { bash: bash(), zsh: zsh(), fish: fish(), powershell: powershell() } as const

export type Shell = keyof typeof SHELLS

/** Also of version 3.2, which has no `compopt`. */
function bash(): string {
  return `# bash completion for pamctl; to load it: source <(pamctl completion bash)
_pamctl() {
  local line word=\${COMP_WORDS[COMP_CWORD]}
  [[ $word == = ]] && word=
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o default 2>/dev/null
      continue
    fi
    line=\${line%%$'\\t'*}
    [[ $line == "$word"* ]] && COMPREPLY+=("$line")
  done < <(command pamctl complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _pamctl pamctl`
}

function zsh(): string {
  return `#compdef pamctl
# zsh completion for pamctl; to load it, after compinit: source <(pamctl completion zsh)
_pamctl() {
  local line files
  local -a values lines
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      files=1
      continue
    fi
    values+=("\${line%%$'\\t'*}")
    lines+=("\${line%%$'\\t'*}  \${line#*$'\\t'}")
  done < <(command pamctl complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#values )) && compadd -l -d lines -a values
  [[ -n $files ]] && _files
  return 0
}
if [[ "\${funcstack[1]}" == _pamctl ]]; then
  _pamctl "$@"
elif (( $+functions[compdef] )); then
  compdef _pamctl pamctl
fi`
}

function fish(): string {
  return `# fish completion for pamctl; to load it: pamctl completion fish | source
function __pamctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (command pamctl complete -- $words[2..-1] "$current" 2>/dev/null)
        if test "$line" = ':files'
            __fish_complete_path "$current"
        else
            printf '%s\\n' "$line"
        end
    end
end
complete -c pamctl -e
complete -c pamctl -f -a '(__pamctl_complete)'`
}

/** Older versions drop an empty argument: an option says that a new word begins. */
function powershell(): string {
  return `# PowerShell completion for pamctl; to load it: pamctl completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName pamctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
    $arguments = @('complete')
    if ($wordToComplete -eq '') { $arguments += '--new-word' }
    $arguments += @('--') + $words
    & pamctl @arguments 2>$null | Where-Object { $_ -cne ':files' } | ForEach-Object {
        $value, $description = $_ -split "\`t", 2
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
    }
}`
}
