import { item } from '../../shared/item.ts'
import { isText, type Word } from './options.ts'
import { placePath, type Place } from './paths.ts'
import { isHarmlessVariable } from './variables.ts'

/** What a command does that the shell itself runs. Its words are understood in these forms, and in no other. */
export interface BuiltinEffect {
  readonly reads?: readonly string[]
  readonly unknown?: string
}

/** undefined: no builtin of a shell, or one that is read with the programs. */
export function readBuiltin(name: string, words: readonly Word[], place: Place): BuiltinEffect | undefined {
  const builtin = BUILTINS.get(name)
  if (builtin === undefined) return undefined
  const effect = builtin(words, place)
  return effect === undefined
    ? { unknown: `the shell may evaluate a word of ${name} in another way than the text says` }
    : effect
}

/** undefined: not understood. */
type Builtin = (words: readonly Word[], place: Place) => BuiltinEffect | undefined

const NOTHING: BuiltinEffect = {}

const anything: Builtin = () => NOTHING

/** All words are texts of this form, or numbers that the shell itself makes. */
const only =
  (form: RegExp, most = Infinity): Builtin =>
  (words) =>
    words.length <= most && words.every((word) => (isText(word) ? form.test(word) : word.isOperand && word.isSingle))
      ? NOTHING
      : undefined

/** Options that are texts of this form, then names of variables, each with a value or without. */
const variables =
  (options: RegExp): Builtin =>
  (words) => {
    const first = words.findIndex((word) => !isText(word) || !options.test(word))
    const rest = first < 0 ? [] : words.slice(first)
    return rest.every((word) => isText(word) && isHarmlessAssignment(word)) ? NOTHING : undefined
  }

function isHarmlessAssignment(word: string): boolean {
  const [, name, value] = /^([A-Za-z_]\w*)(?:=(.*))?$/s.exec(word) ?? []
  if (name === undefined) return false
  // Of an array, bash expands the value once more.
  return value === undefined ? isNamed(name) : isHarmlessVariable(name, value) && !/[(`$]/.test(value)
}

/** Without a value: exported, made local. What is harmless with some values only keeps the one that it has. */
const isNamed = (name: string): boolean => isHarmlessVariable(name, '') || name === 'TERM' || name === 'TZ'

/** A variable that gets a value which nobody knows before. */
const isFilled = (word: Word): boolean => isText(word) && isHarmlessVariable(word, { isSingle: true, isOperand: false })

/** Options, of which some take the next word, then variables that it fills. */
const fills =
  (flags: RegExp, valued: RegExp, filledByOption?: RegExp): Builtin =>
  (words) => {
    let at = 0
    for (; at < words.length; at++) {
      const word = item(words, at)
      if (!isText(word)) return undefined
      if (filledByOption?.test(word) === true) {
        if (!isFilled(words[++at] ?? '')) return undefined
      } else if (valued.test(word)) {
        const value = words[++at]
        if (value === undefined || (!isText(value) && !value.isSingle)) return undefined
      } else if (!flags.test(word)) break
    }
    const names = words.slice(at)
    return names.every(isFilled) ? NOTHING : undefined
  }

/** A name that the parser's word gets, from words that are given: `getopts ab: option`. */
const getopts: Builtin = ([options, name, ...rest]) =>
  isText(options) && name !== undefined && isFilled(name) && rest.every((word) => isText(word) || word.isSingle)
    ? NOTHING
    : undefined

/** `%n` stores in the variable that a word names. */
const printf: Builtin = ([format, ...words]) => {
  if (format === undefined) return NOTHING
  if (!isText(format)) return format.isSingle && format.isOperand && words.length === 0 ? NOTHING : undefined
  return format.startsWith('-') || /%[^%a-zA-Z]*[hlLjtzq]*n/.test(format.replaceAll('%%', '')) ? undefined : NOTHING
}

/**
 * By the number of its words, as POSIX says: only so is it certain which of them are operators. `-v` and `-R` evaluate a
 * name.
 */
const test: Builtin = (words, place) => {
  // What begins like a number or a name is no operator, however many words it is.
  if (!words.every((word) => isText(word) || word.isSingle || word.isOperand)) return undefined
  if (words.every(isText)) {
    if (words.some((word) => /^-[vR]$/.test(word))) return undefined
    return {
      reads: words.flatMap((word, at) => (FILE_TESTS.test(words[at - 1] ?? '') ? [placePath(word, place)] : [])),
    }
  }
  const at = words.length > 1 && words[0] === '!' ? 1 : 0
  const [first, second, third, ...more] = words.slice(at)
  if (more.length > 0 || first === undefined) return undefined
  if (second === undefined) return NOTHING
  if (third === undefined) {
    if (!isText(first) || !UNARY.test(first)) return undefined
    return FILE_TESTS.test(first) ? { reads: [placePath(second, place)] } : NOTHING
  }
  if (!isText(second) || !BINARY.test(second)) return undefined
  return /^-(ef|nt|ot)$/.test(second) ? { reads: [placePath(first, place), placePath(third, place)] } : NOTHING
}

const FILE_TESTS = /^-[abcdefghkprstuwxGLNOS]$/
const UNARY = /^-[bcdefghknprstuwxzGLNOS]$/
const BINARY = /^(=|==|!=|<|>|-(eq|ne|lt|le|gt|ge|ef|nt|ot))$/

const bracket: Builtin = (words, place) => (words.at(-1) === ']' ? test(words.slice(0, -1), place) : undefined)

/** The settings that change no meaning of what follows, except that they may end it early. */
const set: Builtin = (words) => {
  for (let at = 0; at < words.length; at++) {
    const word = item(words, at)
    if (!isText(word)) return undefined
    if (/^[-+][eufx]*o$/.test(word)) {
      const option = words[++at]
      if (!isText(option) || !/^(errexit|nounset|pipefail|xtrace|noglob)$/.test(option)) return undefined
    } else if (!/^[-+][eufx]+$/.test(word)) return undefined
  }
  return words.length === 0 ? undefined : NOTHING
}

const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ...[':', 'true', 'false', 'echo', 'pwd', 'type', 'times', 'cd'].map((name): [string, Builtin] => [name, anything]),
  ...['exit', 'return'].map((name): [string, Builtin] => [name, (words) => (words.length <= 1 ? NOTHING : undefined)]),
  ...['break', 'continue', 'shift'].map((name): [string, Builtin] => [name, only(/^\d+$/, 1)]),
  ['jobs', only(/^(-[lnprs]+|%[\d%+-]*)$/)],
  ['wait', only(/^(-n|\d+|%[\d%+-]*)$/)],
  ['umask', only(/^(-[Sp]+|[0-7]+|[ugoa,=+rwx-]+)$/, 2)],
  ['ulimit', only(/^(-[HSabcdefiklmnpqrstuvxPRT]+|\d+|unlimited|hard|soft)$/)],
  ['unset', variables(/^-v$/)],
  ['export', variables(/^-[np]$/)],
  ['readonly', variables(/^-p$/)],
  ['local', variables(/^-r$/)],
  ['declare', variables(/^-[prx]+$/)],
  ['typeset', variables(/^-[prx]+$/)],
  ['read', fills(/^-[rs]+$|^-[rs]*[nNtu]\d+$/, /^-[rs]*[dnNptu]$/, /^-[rs]*a$/)],
  ['mapfile', fills(/^-t$/, /^-[dnsu]$/)],
  ['readarray', fills(/^-t$/, /^-[dnsu]$/)],
  ['getopts', getopts],
  ['printf', printf],
  ['test', test],
  ['[', bracket],
  ['set', set],
])
