import { UsageError } from '../shared/errors.ts'

/** Refuses what can be no id, and the id of another kind of thing, with the command that is for that one. */
export function needId(id: string, ...kinds: readonly IdKind[]): void {
  if (id.length < MIN_ID_LENGTH || id.length > MAX_ID_LENGTH)
    throw new UsageError(
      `"${id}" is not the id of ${kinds.map((kind) => KINDS[kind].what).join(' or ')}`,
      `such ids begin with ${kinds.map((kind) => `"${kind}_"`).join(' or ')}`,
    )
  refuseOtherKinds(id, ...kinds)
}

/** Of what may also be the name of a file. */
export function refuseOtherKinds(id: string, ...kinds: readonly IdKind[]): void {
  const kind = /^([a-z]+)_/.exec(id)?.[1]
  if (kind === undefined || !isKind(kind) || kinds.includes(kind)) return
  const { what, commands } = KINDS[kind]
  throw new UsageError(`${id} is ${what}, not ${kinds.map((one) => KINDS[one].what).join(' or ')}`, commands(id))
}

/** As the gateway takes them: also the beginning of an id names a thing. */
const MIN_ID_LENGTH = 4
const MAX_ID_LENGTH = 20

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
