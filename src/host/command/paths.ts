import { posix } from 'node:path'
import { isText, type Word } from './options.ts'

/** Where relative paths start, as far as anybody can tell. */
export interface Place {
  /** Absolute; undefined where the target did not say. */
  readonly home: string | undefined
  /** Absolute; undefined where it cannot be told. */
  readonly directory: string | undefined
}

/** A path that nobody can tell. */
export const ANYWHERE = '**'

/**
 * The absolute path that a word means; `**` where that cannot be told. A `..` behind a name stays in it, for the name
 * may be a link: only the target can tell where it leads.
 */
export function placePath(word: Word, { home, directory }: Place): string {
  if (!isText(word) || word === '') return ANYWHERE
  if (word.startsWith('/')) return absolute('/', word, true)
  if (word === '~' || word.startsWith('~/')) return home === undefined ? ANYWHERE : absolute(home, word.slice(2), true)
  if (word.startsWith('~')) return ANYWHERE
  return directory === undefined ? ANYWHERE : absolute(directory, word, directory === home)
}

/** Whether only the target can tell where it leads. */
export const climbs = (path: string): boolean => path.includes('/../') || path.endsWith('/..')

/** The path itself and all below it. */
export const tree = (path: string): readonly string[] =>
  path === ANYWHERE ? [path] : [path, path === '/' ? '/**' : `${path}/**`]

/** A path below another. */
export function below(path: string, name: string): string {
  if (path === ANYWHERE || name === '' || name.includes('*')) return ANYWHERE
  return `${path === '/' ? '' : path}/${name}`
}

/** A base that is free of links may be climbed as long as nothing else has been gone down. */
function absolute(base: string, path: string, isFreeOfLinks: boolean): string {
  const kept = base.split('/').filter((name) => name !== '')
  let isPlain = isFreeOfLinks
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue
    if (name === '..' && isPlain) kept.pop()
    else {
      kept.push(name)
      isPlain = false
    }
  }
  const whole = `/${kept.join('/')}`
  // A star of the target's own would be taken for a pattern: such a name may be anything.
  return whole.includes('*') || isMagic(whole) ? ANYWHERE : whole
}

/** Links that lead wherever the process that follows them has something open: who asks is told something else. */
export function isMagic(path: string): boolean {
  if (climbs(path)) return /\/(proc|dev)(\/|$)/.test(path)
  if (HARMLESS_PROC.has(path) || /^\/proc\/(sys|net)(\/[\w.-]+)*$/.test(path)) return false
  return /^\/proc\/./.test(path) || /^\/dev\/(fd|stdin|stdout|stderr|core)(\/|$)/.test(path)
}

const HARMLESS_PROC = new Set(
  'buddyinfo cgroups cmdline cpuinfo crypto devices diskstats filesystems interrupts iomem ioports loadavg locks mdstat meminfo misc modules mounts partitions slabinfo softirqs stat swaps uptime version vmstat zoneinfo'
    .split(' ')
    .map((name) => `/proc/${name}`),
)

/** The name that a path ends in; undefined where that cannot be told. */
export function lastName(path: Word): string | undefined {
  if (!isText(path)) return undefined
  const name = posix.basename(path)
  return name === '' || name === '.' || name === '..' || name.includes('*') || name.startsWith('~') ? undefined : name
}
