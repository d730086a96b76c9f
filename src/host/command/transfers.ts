import { item } from '../../shared/item.ts'
import { withoutLast } from '../../shared/without-last.ts'
import { parse } from 'unbash'
import type { HostStatement } from './facts.ts'
import { hostStatement, type CommandLineScope } from './host-statement.ts'
import { ANYWHERE, placePath, tree } from './paths.ts'

/**
 * What the far ends of scp, rsync and git are asked to do: the same facts as of file operations. undefined: the text
 * is none of these, exactly as their clients write it.
 */
export function readTransfer(text: string, scope: CommandLineScope): HostStatement[] | undefined {
  const words = plainWords(text)
  if (words === undefined) return undefined
  const [program = '', ...rest] = words
  const place = { home: scope.home, directory: scope.home }
  const statement = (
    kind: 'file-read' | 'file-write',
    paths: readonly string[],
    more: readonly string[] = [],
  ): HostStatement[] => {
    const all = [...paths.flatMap((path) => tree(placePath(path, place))), ...more]
    return [
      hostStatement(scope.login, {
        kinds: [kind],
        argv: words,
        [kind === 'file-read' ? 'reads' : 'writes']: all,
      }),
    ]
  }
  switch (program) {
    case 'scp': {
      const { flags, paths } = flagsAndPaths(rest, /^-[prvdtfqC]+$/)
      if (flags === undefined || paths.length === 0) return undefined
      const [sends, takes] = [flags.includes('f'), flags.includes('t')]
      if (sends === takes || (takes && paths.length > 1)) return undefined
      // Below directories it follows links, in either direction.
      return statement(sends ? 'file-read' : 'file-write', paths, flags.includes('r') ? [ANYWHERE] : [])
    }
    case 'rsync': {
      if (rest[0] !== '--server') return undefined
      const sends = rest[1] === '--sender'
      const options = rest.slice(sends ? 2 : 1)
      const dot = options.indexOf('.')
      // Everything that is not the bundle of letters may name files of its own (--log-file, --backup-dir, …).
      if (dot < 1 || !RSYNC_LETTERS.test(options[0] ?? '')) return undefined
      if (options.slice(1, dot).some((option) => !RSYNC_PLAIN.test(option))) return undefined
      const deletes = options.some((option) => /^--delete|^--remove-source/.test(option))
      const paths = options.slice(dot + 1)
      // It takes options behind paths as well.
      if (paths.length === 0 || paths.some((path) => path.startsWith('-'))) return undefined
      const statements = statement(sends ? 'file-read' : 'file-write', paths)
      return deletes && sends ? [...statements, ...statement('file-write', paths)] : statements
    }
    case 'git-upload-pack':
    case 'git-upload-archive':
      return rest.length === 1 && !rest[0]?.startsWith('-') ? statement('file-read', repositories(rest)) : undefined
    case 'git-receive-pack': {
      if (rest.length !== 1 || rest[0]?.startsWith('-') === true) return undefined
      return statement('file-write', repositories(rest)).map((one) => ({
        ...one,
        opaque: ['hooks of the repository run'],
      }))
    }
    default:
      return undefined
  }
}

/** The words of a text without anything that a shell would do something about. */
function plainWords(text: string): string[] | undefined {
  if (text.includes('\n')) return undefined
  const script = parse(text)
  const [statement, ...more] = script.commands
  if (statement === undefined || more.length > 0 || statement.background === true || script.errors !== undefined)
    return undefined
  const { command } = statement
  if (command.type !== 'Command' || command.name === undefined) return undefined
  if (command.prefix.length + command.redirects.length > 0) return undefined
  const words: string[] = []
  for (const word of [command.name, ...command.args]) {
    // Patterns of scp and rsync are for the far end's shell: where they lead, only that knows.
    if (word.type !== 'Word' || !PLAIN_WORD.test(word.text)) return undefined
    if (word.value.startsWith('~') && (word.parts !== undefined || word.text.includes('\\'))) return undefined
    words.push(word.value)
  }
  return words
}

/** Nothing but what shells take as it is, in single quotes or behind a backslash where it is not. */
const PLAIN_WORD = /^(~(?=\/|$))?([\w.,:@%+=/-]|[^\0-\x7f]|\\[^\n]|'[^'\n]*')+$|^~$/

/** git tries these names as well, and takes what is first a repository. */
const repositories = ([path = '']: readonly string[]): string[] => [path, `${withoutLast(path, '/')}.git`]

function flagsAndPaths(words: readonly string[], flag: RegExp): { flags: string | undefined; paths: string[] } {
  let flags = ''
  let at = 0
  for (; at < words.length; at++) {
    const word = item(words, at)
    if (word === '--') return { flags, paths: words.slice(at + 1) }
    if (!word.startsWith('-')) break
    if (!flag.test(word)) return { flags: undefined, paths: [] }
    flags += word.slice(1)
  }
  const paths = words.slice(at)
  return paths.some((path) => path.startsWith('-')) ? { flags: undefined, paths: [] } : { flags, paths }
}

/** Without s, which takes the paths from the input, and letters that follow links or name files. After `e.` stand capabilities. */
const RSYNC_LETTERS = /^-[vqclogDtprzuHAXSxnWdOJRmbIyNUC]*e\d*\.\w*$/
const RSYNC_PLAIN =
  /^--(delete|delete-(before|during|after|delay|excluded)|remove-source-files|partial|inplace|append|append-verify|existing|ignore-existing|ignore-errors|numeric-ids|size-only|stats|timeout=\d+|max-size=\w+|min-size=\w+|log-format=[%\w]*|safe-links|no-(links|perms|times|owner|group|devices|specials|D|r|l|p|t|g|o|whole-file|inc-recursive|motd)|force|compress-level=\d+|bwlimit=\d+)$/
