/** The name of a column of a result. */
export interface Called {
  /** Undefined where it is not certain. */
  readonly name: string | undefined
  /** Where it is not certain, the only plain word that it may be; empty: none. */
  readonly word?: string
}

/** Whether a column may have this name. */
export const mayBeCalled = ({ name, word }: Called, meant: string): boolean =>
  name === meant || (name === undefined && (word === undefined || word === meant || !isPlainWord(meant)))

/** Whether a name can be written without quotes. A name that the server makes from an expression has other characters. */
export const isPlainWord = (name: string): boolean => /^[a-z_][a-z0-9_$]*$/i.test(name)
