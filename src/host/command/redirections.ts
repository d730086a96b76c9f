import type { Redirect } from 'unbash'
import { isText } from './options.ts'
import { placePath, type Place } from './paths.ts'
import type { Dialect } from './shell-differences.ts'
import type { Settings } from './variables.ts'
import { evaluate, mayConnect } from './words.ts'

/** What opening a file by a redirection does. */
interface RedirectionEffect {
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** Why nobody can tell from the text what else it does. */
  readonly hidden: readonly string[]
}

/** Reads `<`, `>`, `>>`, `<>`, `&>` and the like; not here-documents and here-strings. */
export function readRedirection(
  { operator, target }: Redirect,
  { dialect, settings, place }: { readonly dialect: Dialect; readonly settings: Settings; readonly place: Place },
): RedirectionEffect {
  const hidden: string[] = []
  const { word, lists } =
    target === undefined ? { word: { isSingle: true, isOperand: false }, lists: [] } : evaluate(target, settings, place)
  if (operator === '<&' || operator === '>&') {
    if (isText(word) && /^(\d|-)$/.test(word)) return { reads: lists, writes: [], hidden }
    // A number or a hyphen ends the redirection: what is behind it is a word of its own.
    if (dialect === 'sh' || operator === '<&') hidden.push(`shells read ${operator} differently`)
  }
  // dash runs `a &>b c` as two commands.
  if (dialect === 'sh' && operator.startsWith('&')) hidden.push(`shells read ${operator} differently`)
  // bash expands the text once more that quotes and expansions leave behind `>&`.
  if (operator.includes('&') && !/^[A-Za-z_/.][\w/.-]*$/.test(target?.text ?? ''))
    hidden.push(`bash evaluates what follows ${operator}`)
  const path = placePath(word, place)
  if (path === '/dev/null') return { reads: lists, writes: [], hidden }
  if (/^\/dev\/(tcp|udp)(\/|$)/.test(path) || (target !== undefined && mayConnect(target, settings)))
    hidden.push('the shell may open a connection by a redirection')
  return {
    reads: operator === '<' || operator === '<>' ? [...lists, path] : lists,
    writes: operator === '<' ? [] : [path],
    hidden,
  }
}
