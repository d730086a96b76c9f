import { item } from '../../shared/item.ts'
/**
 * How the words of a command line are taken apart into options and operands. A table lists each option that is
 * understood, in full; one that it does not list (an abbreviation, too) makes the command unknown.
 *
 * A table is a list of options for each meaning: `-l --all` take no argument, `-w: --width=` take one, `-w? --color?`
 * may have one attached. What a meaning is, the program's entry says.
 */
export type OptionTable = Readonly<Record<string, string>>

/** A word of a command: its text, or what little is certain of one that only the target's shell can tell. */
export type Word = string | UnclearWord

export interface UnclearWord {
  /** Exactly one word, whatever its value. */
  readonly isSingle: boolean
  /** It cannot be, or bring along, an option. */
  readonly isOperand: boolean
}

/** It may be any number of any words. */
export const ANY_WORDS: UnclearWord = { isSingle: false, isOperand: false }

export const isText = (word: Word | undefined): word is string => typeof word === 'string'

/** As facts name it: null where only the shell can tell. */
export const textOf = (word: Word): string | null => (isText(word) ? word : null)

interface Option {
  readonly meaning: string
  readonly argument: 'none' | 'required' | 'optional'
}

export interface CompiledOptions {
  readonly options: ReadonlyMap<string, Option>
  /** `-5` stands for a number. */
  readonly hasNumbers: boolean
  /** The first operand ends the options: what follows belongs to another command. */
  readonly stopsAtOperand: boolean
}

export interface OptionStyle {
  readonly hasNumbers?: boolean
  readonly stopsAtOperand?: boolean
}

export function compileOptions(table: OptionTable, style: OptionStyle = {}): CompiledOptions {
  const options = new Map<string, Option>([
    ['--help', { meaning: 'plain', argument: 'none' }],
    ['--version', { meaning: 'plain', argument: 'none' }],
  ])
  for (const [meaning, list] of Object.entries(table)) {
    for (const spelling of list.split(/\s+/)) {
      const [, name, suffix] = /^(-[A-Za-z0-9@]|--[a-z0-9][a-z0-9-]*)([:=?]?)$/.exec(spelling) ?? []
      if (name === undefined || (options.has(name) && !name.startsWith('--')))
        throw new Error(`${spelling} is not an option, or is listed twice`)
      options.set(name, {
        meaning,
        argument: suffix === '' ? 'none' : suffix === '?' ? 'optional' : 'required',
      })
    }
  }
  return { options, hasNumbers: style.hasNumbers === true, stopsAtOperand: style.stopsAtOperand === true }
}

/** What the words of a command say by a table. */
export interface ReadWords {
  readonly operands: readonly Word[]
  /** Where the operands begin, for a command that stops at the first. */
  readonly operandsAt: number
  /** A word that only the shell can tell stands where it may be an option, or bring one along. */
  readonly hasUnclearOptions: boolean
  readonly has: (meaning: string) => boolean
  /** Arguments of the options with this meaning. An attached one that begins with a tilde is not certain. */
  readonly argumentsOf: (meaning: string) => readonly Word[]
}

/** The words by the table, or the word that is not understood. */
export function readWords(compiled: CompiledOptions, words: readonly Word[]): ReadWords | { readonly failed: string } {
  const { options, hasNumbers, stopsAtOperand } = compiled
  const found = new Map<string, Word[]>()
  const operands: Word[] = []
  let hasUnclearOptions = false
  const note = (meaning: string, argument?: Word): void => {
    const all = found.get(meaning) ?? []
    if (argument !== undefined) all.push(argument)
    found.set(meaning, all)
  }
  const done = (operandsAt: number): ReadWords => ({
    operands,
    operandsAt,
    hasUnclearOptions,
    has: (meaning) => found.has(meaning),
    argumentsOf: (meaning) => found.get(meaning) ?? [],
  })
  let at = 0
  for (; at < words.length; at++) {
    const word = item(words, at)
    if (!isText(word)) {
      if (!word.isOperand) hasUnclearOptions = true
      if (stopsAtOperand) break
      operands.push(word)
      continue
    }
    if (word === '--') {
      at++
      break
    }
    if (!word.startsWith('-') || word === '-') {
      if (stopsAtOperand) break
      operands.push(word)
      continue
    }
    if (hasNumbers && /^-\d+$/.test(word)) continue
    const read = word.startsWith('--') ? longOption(word) : bundle(word)
    if (!read) return { failed: word }
  }
  operands.push(...words.slice(at))
  return done(at)

  function longOption(word: string): boolean {
    const equals = word.indexOf('=')
    const option = options.get(equals < 0 ? word : word.slice(0, equals))
    if (option === undefined) return false
    if (equals >= 0) {
      if (option.argument === 'none') return false
      note(option.meaning, attached(word.slice(equals + 1)))
      return true
    }
    if (option.argument === 'required') return nextWord(option)
    note(option.meaning)
    return true
  }

  function bundle(word: string): boolean {
    for (let letter = 1; letter < word.length; letter++) {
      const option = options.get(`-${word[letter]}`)
      if (option === undefined) return false
      if (option.argument === 'none') {
        note(option.meaning)
        continue
      }
      const rest = word.slice(letter + 1)
      if (rest !== '') note(option.meaning, attached(rest))
      else if (option.argument === 'required') return nextWord(option)
      else note(option.meaning)
      return true
    }
    return true
  }

  function nextWord({ meaning }: Option): boolean {
    at++
    const word = words[at]
    if (word === undefined) return false
    // It may vanish, and then the word after it is the argument.
    if (!isText(word) && !word.isSingle) hasUnclearOptions = true
    note(meaning, word)
    return true
  }
}

/** A tilde within a word is for the program, not for the shell; some shells take it for a home all the same. */
const attached = (value: string): Word => (value.startsWith('~') ? { isSingle: true, isOperand: true } : value)
