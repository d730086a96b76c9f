/**
 * What commander says of a command line (`error: …`), as all other errors are said: `--for: expected a duration, not "soon"`. Where it
 * has no suggestion of its own, the hint names the help of the command.
 */
export function usageProblem(text: string, command: string): { readonly message: string; readonly hint: string } {
  const [, said = '', meant] = /^(?:error: )?(.*?)(?:\s*\(Did you mean (.*?)\?\))?\s*$/s.exec(text) ?? []
  const { name, value = '', expected = '' } = (INVALID.exec(said) ?? INVALID_ARGUMENT.exec(said))?.groups ?? {}
  return {
    message: name === undefined ? said : `${name}: ${expected.replace(/^[A-Z]/, lower)}, not "${value}"`,
    hint: meant === undefined ? `see "${command} --help"` : `did you mean ${meant}?`,
  }
}

const lower = (letter: string): string => letter.toLowerCase()

/** `option '--for <duration>' argument 'soon' is invalid. expected …`, or a value `from env 'PAMCTL_FOR'`. */
const INVALID =
  /^option '(?:-\w, )?(?<name>--[\w-]+).*?' (?:argument|value) '(?<value>.*?)'(?: from env '\w+')? is invalid\. (?<expected>.+?)\.?$/s
/** `command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are …` */
const INVALID_ARGUMENT =
  /^command-argument value '(?<value>.*?)' is invalid for argument '(?<name>[\w-]+)'\. (?<expected>.+?)\.?$/s
