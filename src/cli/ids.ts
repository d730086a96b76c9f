import { UsageError } from '../shared/errors.ts'

/** Refuses the id of another kind of thing, and says which command is for that one. */
export function needId(id: string, ...kinds: readonly IdKind[]): void {
  const kind = /^([a-z]+)_/.exec(id)?.[1]
  if (kind === undefined || !isKind(kind) || kinds.includes(kind)) return
  const { what, commands } = KINDS[kind]
  throw new UsageError(`${id} is ${what}, not ${kinds.map((one) => KINDS[one].what).join(' or ')}`, commands(id))
}

type IdKind = keyof typeof KINDS

const isKind = (text: string): text is IdKind => Object.hasOwn(KINDS, text)

const KINDS = {
  req: {
    what: 'a request for access',
    commands: (id: string) =>
      `to take it back: pamctl withdraw ${id}; to decide on it: pamctl approve ${id}, pamctl deny ${id}`,
  },
  apr: {
    what: 'a held command',
    commands: (id: string) =>
      `to take it back: pamctl withdraw ${id}; to decide on it: pamctl approve ${id}, pamctl deny ${id}`,
  },
  grt: { what: 'a grant', commands: (id: string) => `to end it: pamctl revoke ${id}` },
  lck: { what: 'a lock', commands: (id: string) => `to lift it: pamctl unlock ${id}` },
  brk: {
    what: 'an emergency',
    commands: (id: string) => `to close its review: pamctl breakglass review ${id} --comment "…"`,
  },
  ses: { what: 'a session', commands: (id: string) => `to end it: pamctl kill ${id}; to see it: pamctl replay ${id}` },
} as const
