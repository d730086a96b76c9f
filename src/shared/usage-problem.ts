/**
 * What commander says of a command line (`error: …`), as all other errors are said: `--for: expected a duration, not "soon"`. Where it
 * has no suggestion of its own, the hint names the help of the command.
 */
export function usageProblem(text: string, command: string): { readonly message: string; readonly hint: string } {
  const [, said = '', meant] = /^(?:error: )?(.*?)(?:\s*\(Did you mean (.*?)\?\))?\s*$/s.exec(text) ?? []
  const { name, value = '', expected = '' } = (INVALID.exec(said) ?? INVALID_ARGUMENT.exec(said))?.groups ?? {}
  const wanted = expected.replace(/^[A-Z]/, lower)
  return {
    message:
      name === undefined
        ? inOurWords(said, command)
        : // What was expected is not what was given; anything else says what is wrong by itself.
          `${name}: ${wanted}${/^(?:expected|allowed)\b/.test(wanted) ? `, not "${value}"` : ''}`,
    hint: meant === undefined ? `see "${command} --help"` : `did you mean ${meant}?`,
  }
}

/** Its other messages about what is missing, and what is too much. */
function inOurWords(said: string, command: string): string {
  const { most, got, argument, option } =
    (TOO_MANY.exec(said) ?? MISSING.exec(said) ?? REQUIRED.exec(said))?.groups ?? {}
  if (most !== undefined)
    return `${command.replace(/^\S+ /, '')} takes ${most === '0' ? 'no' : most} argument${most === '1' ? '' : 's'}, not ${got}`
  if (argument !== undefined) return `no ${argument} given`
  if (option !== undefined) return `${option} is required`
  return said.replace(CONFLICT, '$1 and $2 exclude each other')
}

const lower = (letter: string): string => letter.toLowerCase()

/** `option '--for <duration>' argument 'soon' is invalid. expected …`, or a value `from env 'PAMCTL_FOR'`. */
const INVALID =
  /^option '(?:-\w, )?(?<name>--[\w-]+).*?' (?:argument|value) '(?<value>.*?)'(?: from env '\w+')? is invalid\. (?<expected>.+?)\.?$/s
/** `command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are …` */
const INVALID_ARGUMENT =
  /^command-argument value '(?<value>.*?)' is invalid for argument '(?<name>[\w-]+)'\. (?<expected>.+?)\.?$/s
/** `too many arguments for 'targets'. Expected 0 arguments but got 1.` */
const TOO_MANY = /^too many arguments.*\. Expected (?<most>\d+) arguments? but got (?<got>\d+)\.$/s
/** `missing required argument 'target'` */
const MISSING = /^missing required argument '(?<argument>[\w-]+)'$/
/** `required option '--key <file>' not specified` */
const REQUIRED = /^required option '(?:-\w, )?(?<option>--[^']+)' not specified$/
/** `option '--json' cannot be used with option '-f, --format <format>'` */
const CONFLICT = /^option '(?:-\w, )?(--[\w-]+).*?' cannot be used with option '(?:-\w, )?(--[\w-]+).*?'$/
