/** One run of pamctl as a line of a shell says it. */
export interface SimpleCommand {
  readonly variables: Readonly<Record<string, string>>
  readonly args: readonly string[]
}

/**
 * What a POSIX shell would run for a line that is nothing but `[NAME=value …] pamctl words`: undefined where anything else is in it (XCU 2.2,
 * 2.9.1), and, but with `clients`, where the words name a native client, which has the process's own streams.
 */
export function simpleCommand(line: string, { clients = false } = {}): SimpleCommand | undefined {
  const words = wordsOf(line.replace(/ 2>&1$/, ''))
  if (words === undefined) return undefined
  const at = words.indexOf('pamctl')
  const assignments = words.slice(0, Math.max(at, 0)).map((word) => /^([A-Z_]+)=(.*)$/s.exec(word))
  const args = words.slice(at + 1)
  if (at < 0 || assignments.includes(null) || (!clients && args.includes('--'))) return undefined
  return { variables: Object.fromEntries(assignments.map((found) => [found?.[1], found?.[2]])), args }
}

/** The words of a line in which a shell would do nothing but remove quotes. */
function wordsOf(line: string): string[] | undefined {
  const words: string[] = []
  let [word, at]: [string | undefined, number] = [undefined, 0]
  while (at < line.length) {
    const [token, blank, plain, single, double, escaped] = TOKEN.exec(line.slice(at)) ?? []
    if (token === undefined) return undefined
    at += token.length
    if (blank === undefined) {
      word = (word ?? '') + (plain ?? single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? '')
    } else if (word !== undefined) {
      words.push(word)
      word = undefined
    }
  }
  return word === undefined ? words : [...words, word]
}

/** Blanks, characters that mean themselves, '…', "…" without expansions, and an escaped character. */
const TOKEN = /^(?:([ \t]+)|([\w@%+=:,./{}…-]+)|'([^']*)'|"((?:[^"\\$`]|\\["\\$`])*)"|\\([^\n]))/u
