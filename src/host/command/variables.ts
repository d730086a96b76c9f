import { isText, type Word } from './options.ts'

/**
 * Whether a shell and the programs that it starts do the same whatever this variable is. Names of the user's own choice
 * are written in small letters; the few of those that mean something are excluded. A value that is not text may be anything.
 */
export function isHarmlessVariable(name: string, value: Word | undefined): boolean {
  const plain = PLAIN_VALUES.find(([names]) => names.test(name))?.[1]
  if (plain !== undefined) return isText(value) && plain.test(value)
  return /^[a-z][a-z0-9_]*$/.test(name) && !MEANINGFUL.test(name)
}

/** Read by shells and programs, and harmless with these values: some of them would name files otherwise. */
const PLAIN_VALUES: readonly (readonly [RegExp, RegExp])[] = [
  [/^(LANG|LANGUAGE|LC_[A-Z]+)$/, /^[\w.@:-]*$/],
  [/^TZ$/, /^[A-Za-z][\w+-]*(\/[A-Za-z][\w+-]*)*$/],
  [/^TERM$/, /^[A-Za-z0-9][\w.+-]*$/],
  [/^(COLUMNS|LINES)$/, /^\d*$/],
  [/^DEBIAN_FRONTEND$/, /^noninteractive$/],
  [/^NO_COLOR$/, /^\d*$/],
  // It says where words end that the text does not show anyway; but numbers must stay whole.
  [/^IFS$/, /^[^\w]*$/],
  [/^REPLY$/, /^/],
]

/** Small letters all the same: of bash, of zsh and csh, and of programs. */
const MEANINGFUL =
  /proxy$|^(npm|yarn|pnpm)_|^(histchars|auto_resume|path|cdpath|fpath|manpath|mailpath|module_path|prompt|psvar|argv|watch|status|home|shell|term|user|cwd|debian_chroot|windir)$/

/** What the values of a variable may be, over a whole text. */
type Content = 'digits' | 'name' | 'plain' | 'any'

/** Which variables a text sets, and to what. */
export class Settings {
  readonly #contents: Map<string, Content>
  readonly #arrays = new Set<string>()
  #isOpen = false
  #definesFunctions: boolean

  constructor(inherited?: Settings) {
    this.#contents = inherited === undefined ? new Map<string, Content>() : new Map(inherited.#contents)
    this.#isOpen = inherited === undefined ? false : inherited.#isOpen
    this.#definesFunctions = inherited === undefined ? false : inherited.#definesFunctions
  }

  note(name: string, value: Word): void {
    this.noteContent(name, contentOf(value))
  }

  noteContent(name: string, content: Content): void {
    const before = this.#contents.get(name) ?? content
    this.#contents.set(name, joined(before, content))
  }

  noteArray(name: string): void {
    this.#arrays.add(name)
    this.noteContent(name, 'any')
  }

  /** Something sets variables that the text does not name. */
  noteAny(): void {
    this.#isOpen = true
  }

  noteFunction(): void {
    this.#definesFunctions = true
  }

  /** Any name of a command may mean one of them. */
  get definesFunctions(): boolean {
    return this.#definesFunctions
  }

  mayBeArray(name: string): boolean {
    return this.#isOpen || this.#arrays.has(name)
  }

  /** Nothing but a number, wherever it is used: arithmetic evaluates anything else. */
  isNumber(name: string): boolean {
    return !this.#isOpen && OWN.test(name) && this.#contents.get(name) === 'digits'
  }

  /** A value that begins like the name of a file, and no path. */
  isName(name: string): boolean {
    const content = this.#contents.get(name)
    return !this.#isOpen && OWN.test(name) && (content === 'digits' || content === 'name')
  }

  /** The text sets it nowhere, and no client can. */
  isInherited(name: string): boolean {
    return !this.#isOpen && OF_LOGIN.test(name) && !this.#contents.has(name)
  }

  /** What the text does not set comes from the target's own configuration. */
  mayBePattern(name: string): boolean {
    return this.#isOpen || FROM_OUTSIDE.test(name) || this.#contents.get(name) === 'any'
  }
}

/** Of a text's own choice: no shell sets it, nor a client with its terminal or its language. */
const OWN = /^[a-z][a-z0-9_]*$/
/** Set at the login by the target itself. */
const OF_LOGIN = /^(HOME|USER|LOGNAME|SHELL|PATH|HOSTNAME|UID|EUID)$/
const FROM_OUTSIDE = /^(PWD|OLDPWD|REPLY|OPTARG|MAPFILE|BASH_.*|_|\d+|[@*])$/

function contentOf(value: Word): Content {
  if (!isText(value) || /[*?[\\]/.test(value)) return 'any'
  if (/^\d+$/.test(value)) return 'digits'
  return /^[\w.][^/]*$/.test(value) ? 'name' : 'plain'
}

function joined(one: Content, other: Content): Content {
  if (one === other) return one
  const both = [one, other]
  return both.includes('any') ? 'any' : both.includes('plain') ? 'plain' : 'name'
}
