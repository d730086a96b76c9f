import {
  compileOptions,
  isText,
  readWords,
  type OptionStyle,
  type OptionTable,
  type ReadWords,
  type Word,
} from './options.ts'
import { ANYWHERE, placePath, tree, type Place } from './paths.ts'

/** What running a program with these words does. */
export interface ProgramEffect {
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** It may make links, or give something another name: paths that follow may lead elsewhere than before. */
  readonly makesLinks?: boolean
  /** Cannot be known from the words. */
  readonly unknown?: string
  /** Known to who knows the program. */
  readonly opaque?: string
}

/**
 * A program that is understood: its options by what they mean (see options.ts), what it does with its operands, and the
 * worst that any option of it could do, for words that only the shell knows.
 *
 * Meanings that every program has: `plain` changes nothing that matters here; the argument of `reads`, `writes` is a
 * path; with `anywhere` it may read any path.
 */
export interface Program {
  readonly read: (words: readonly Word[], place: Place) => ProgramEffect | { readonly failed: string }
  readonly worst: Worst
}

/** `unclear`: it may run or change something. */
export type Worst = 'nothing' | 'reads' | 'writes' | 'unclear'

export function readProgram(name: string, program: Program, words: readonly Word[], place: Place): ProgramEffect {
  const effect = program.read(words, place)
  if (!('failed' in effect)) return effect
  return {
    reads: [],
    writes: [],
    unknown:
      effect.failed === ''
        ? `what ${name} does depends on words that only the shell knows`
        : `${name} ${effect.failed} is not a form the gateway can analyse`,
  }
}

interface Entry {
  readonly options: OptionTable
  readonly style?: OptionStyle
  readonly worst: Worst
  /** What an operand means depends on how many stand before it, or after it. */
  readonly counts?: boolean
  readonly effect: (words: ReadWords, place: Place) => ProgramEffect | { readonly failed: string }
}

/** A program by the table of its options. */
export function program({ options, style, worst, counts = false, effect }: Entry): Program {
  const compiled = compileOptions(options, style)
  return {
    worst,
    read(words, place) {
      const read = readWords(compiled, words)
      if ('failed' in read) return read
      if (read.hasUnclearOptions && worst === 'unclear') return { failed: '' }
      const own = effect(read, place)
      if ('failed' in own) return own
      // Here a hyphen may be the name of a file: programs differ, and for their operands alone it is said which is which.
      const paths = (meaning: string): string[] => read.argumentsOf(meaning).map((word) => placePath(word, place))
      // A pattern stands for any number of words.
      const isUncounted = counts && read.operands.some((word) => !isText(word) && !word.isSingle)
      const isUnclear = read.hasUnclearOptions || isUncounted
      const mayWrite = isUnclear && (worst === 'writes' || worst === 'unclear')
      const anywhere = read.has('anywhere') || (isUnclear && worst !== 'nothing')
      return {
        ...own,
        reads: [...own.reads, ...paths('reads'), ...(anywhere ? [ANYWHERE] : [])],
        writes: [...own.writes, ...paths('writes'), ...(mayWrite ? [ANYWHERE] : [])],
        makesLinks: own.makesLinks === true || mayWrite,
      }
    },
  }
}

/** Whatever its words are, it does nothing with files. */
export const harmless: Program = { worst: 'nothing', read: () => NOTHING }

export const NOTHING: ProgramEffect = { reads: [], writes: [] }

/** `-` stands for the standard input. */
export const pathsOf = (words: readonly Word[], place: Place): string[] =>
  words.filter((word) => word !== '-').map((word) => placePath(word, place))

/** Reads the files that it is given. */
export const reader = (options: OptionTable, style: OptionStyle = {}): Program =>
  program({
    options,
    style,
    worst: 'reads',
    effect: ({ operands }, place) => ({ reads: pathsOf(operands, place), writes: [] }),
  })

/** As `reader`, where a hyphen is the name of a file like any other. */
export const fileReader = (options: OptionTable): Program =>
  program({
    options,
    worst: 'reads',
    effect: ({ operands }, place) => ({ reads: operands.map((word) => placePath(word, place)), writes: [] }),
  })

/** Of a directory, all that is below it. */
export const trees = (paths: readonly string[]): string[] => paths.flatMap(tree)
