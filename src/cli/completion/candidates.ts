import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runningAgent } from '../../agent/control-client.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import { replaceFile } from '../../shared/replace-file.ts'
import { visible } from '../../shared/visible.ts'
import { isService, type CliContext } from '../context.ts'
import type { Candidate, Kind } from './read-line.ts'

/**
 * What a shell may put into a command line: nothing in it means anything to bash, zsh, fish or PowerShell. Names come from the gateway; one
 * with other characters is not offered, so that no completion can become a command.
 */
const SAFE = /^[A-Za-z0-9_][A-Za-z0-9_.:@%+/-]*$/

export const isSafe = (value: string): boolean => SAFE.test(value) || /^--[a-z][a-z-]*$/.test(value)

/** A line that a completion script reads: the value, and after a tab what it is. */
export const lineOf = ({ value, description }: Candidate): string =>
  `${value}\t${visible(description).replaceAll(/\s+/g, ' ').slice(0, MAX_DESCRIPTION)}`

/** The names or ids of a kind, of the gateway or as they were lately; nothing where neither can be had in time. */
export async function known(context: CliContext, kind: Kind): Promise<readonly Candidate[]> {
  let timer: NodeJS.Timeout | undefined
  const cache = kind === 'targets' ? new TargetCache(context) : undefined
  const fresh = cache?.read(FRESH_MS)
  if (fresh !== undefined) return fresh
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), MAX_WAIT_MS)))
  const found = await Promise.race([ask(context, kind).catch(() => undefined), late])
  clearTimeout(timer)
  if (found !== undefined) cache?.write(found)
  return found ?? cache?.read(MAX_AGE_MS) ?? []
}

/** Whoever is signed in, by the agent that runs: none is started for a completion. */
async function ask(context: CliContext, kind: Kind): Promise<readonly Candidate[] | undefined> {
  if (isService(context)) return undefined
  const running = await runningAgent(context.paths())
  running?.close()
  return running === undefined ? undefined : ASK[kind](await context.client(), context)
}

const ASK: Readonly<Record<Kind, (api: ApiClient, context: CliContext) => Promise<Candidate[]>>> = {
  targets: async (api) => (await api.targets()).map(({ name, type }) => ({ value: name, description: type })),
  requests: async (api, { io }) => {
    const { items } = await api.requests.list({ limit: 100, mine: true })
    return items
      .filter(({ state }) => state === 'pending')
      .map(({ id, target, createdAt }) => ({ value: id, description: `${target}, ${io.age(createdAt)}` }))
  },
  reviews: async (api) =>
    (await api.reviews.list()).map(({ id, requester, target }) => ({
      value: id,
      description: `${requester.label} on ${target}`,
    })),
  sessions: async (api, { io }) => {
    const { items } = await api.sessions.list({ active: false, limit: 30 })
    return items.map(({ id, person, target, openedAt }) => ({
      value: id,
      description: `${person.label} on ${target}, ${io.age(openedAt)}`,
    }))
  },
  grants: async (api) => {
    const { items } = await api.grants.list({ active: true, limit: 100 })
    return items.map(({ id, target }) => ({ value: id, description: target }))
  },
  locks: async (api) => (await api.locks.list(true)).map(({ id, what }) => ({ value: id, description: what })),
  emergencies: async (api) =>
    (await api.breakGlass.list(true)).map(({ id, person, target }) => ({
      value: id,
      description: `${person.label} on ${target}`,
    })),
}

const fileIn = (home: string): string => join(home, 'completions.json')

/** With a sign-in ends what was seen by it. */
export const forgetCompletions = (home: string): void => rmSync(fileIn(home), { force: true })

/** The targets of the last answer, for a moment in which nobody is asked, and for later where nobody answers. */
class TargetCache {
  readonly #file: string
  readonly #login: string

  constructor({ paths, options }: CliContext) {
    this.#file = fileIn(paths().home)
    this.#login = JSON.stringify([options.profile ?? '', options.gateway ?? ''])
  }

  read(maxAgeMs: number): readonly Candidate[] | undefined {
    try {
      const { login, at, targets } = JSON.parse(readFileSync(this.#file, 'utf8')) as Record<string, unknown>
      const age = Date.now() - Number(at)
      if (login !== this.#login || !(age >= 0 && age < maxAgeMs) || !Array.isArray(targets)) return undefined
      return targets.flatMap((item: unknown) => (isCandidate(item) ? [item] : []))
    } catch {
      return undefined
    }
  }

  write(targets: readonly Candidate[]): void {
    try {
      replaceFile(this.#file, JSON.stringify({ login: this.#login, at: Date.now(), targets }))
    } catch {
      // Only slower the next time.
    }
  }
}

const isCandidate = (item: unknown): item is Candidate =>
  typeof item === 'object' &&
  item !== null &&
  'value' in item &&
  typeof item.value === 'string' &&
  'description' in item &&
  typeof item.description === 'string'

const MAX_DESCRIPTION = 80
/** Milliseconds that somebody waits who has pressed Tab. */
const MAX_WAIT_MS = 1000
const FRESH_MS = 10_000
const MAX_AGE_MS = 7 * 86_400_000
