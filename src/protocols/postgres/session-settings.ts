import { z } from 'zod'
import { PamError } from '../../shared/errors.ts'
import { isAsStrict, pinnedFindings, pinnedRefusal, type PinnedSettings } from '../../sql/pinned-settings.ts'
import { plainMilliseconds } from './plain-milliseconds.ts'
import { keysOf } from '../../shared/records.ts'

/** A time limit, as the configuration gives it and in milliseconds. */
interface TimeLimit {
  readonly shown: string
  readonly milliseconds: number
}

const timeLimit = z
  .union([z.number(), z.string()], 'expected a time such as 30s, 500ms or 5min')
  .transform((value, context): TimeLimit => {
    const milliseconds = plainMilliseconds(String(value))
    // INT_MAX: the largest value of such a setting.
    if (milliseconds !== undefined && milliseconds <= 2_147_483_647)
      return { shown: typeof value === 'number' ? `${value}ms` : value, milliseconds }
    context.addIssue({
      code: 'custom',
      message: `expected a time such as 30s, 500ms or 5min, above zero and at most 24 days, not "${value}"`,
    })
    return z.NEVER
  })

const PLACEHOLDER = /\{(person|session|target)\}/g

const applicationName = z
  .string()
  .regex(/^[\x20-\x7e]{1,200}$/, 'expected 1 to 200 printable ASCII characters')
  .refine(
    (text) => !/[{}]/.test(text.replace(PLACEHOLDER, '')),
    'only {person}, {session} and {target} are replaced: no other braces',
  )

const values = {
  statement_timeout: timeLimit.optional().describe('how long a statement may run'),
  lock_timeout: timeLimit.optional().describe('how long a statement waits for a lock'),
  idle_in_transaction_session_timeout: timeLimit
    .optional()
    .describe(
      'how long a transaction may be idle before the server ends the session; a statement that is held is idle, too',
    ),
  idle_session_timeout: timeLimit
    .optional()
    .describe('how long a session may be idle outside of transactions before the server ends it'),
  transaction_timeout: timeLimit.optional().describe('how long a transaction may last (PostgreSQL 17 and later)'),
  application_name: applicationName
    .optional()
    .describe(
      'what pg_stat_activity and the log call the session: {person}, {session} and {target} are replaced, and the whole cut to 63 characters of ASCII',
    ),
}
const NAMES = keysOf(values)

/** `settings:` of a target: what each session begins with. */
export const sessionSettings = z
  .strictObject({
    ...values,
    pinned: z
      .array(z.enum(NAMES))
      .default([])
      .describe(
        'which of these settings a session may not change; a time limit may still be lowered. A session may set all others to any value',
      ),
  })
  .superRefine((settings, context) => {
    for (const finding of pinnedFindings(settings)) context.addIssue({ code: 'custom', ...finding })
  })

export type SessionSettings = z.output<typeof sessionSettings>

/** What the placeholders of application_name stand for. */
export interface SessionNames {
  readonly person: string
  readonly session: string
  readonly target: string
}

/** 63 bytes are what the server keeps of a name (NAMEDATALEN); it replaces what is not printable ASCII itself. */
export const applicationNameOf = (template: string, names: SessionNames): string =>
  template
    .replace(PLACEHOLDER, (_, name: keyof SessionNames) => names[name])
    .replace(/[^\x20-\x7e]/gu, '?')
    .slice(0, 63)

/** What statements are held to. Nothing in it is of one session: sessions share what was found out under the same. */
export const pinnedOf = (settings: SessionSettings | undefined): PinnedSettings =>
  new Map(
    (settings?.pinned ?? []).flatMap((name) => {
      const value = settings?.[name]
      if (value === undefined) return []
      return [[name, typeof value === 'string' ? { shown: value } : { shown: value.shown, limit: value.milliseconds }]]
    }),
  )

/**
 * The settings that a session starts with: those of the configuration, unless the client asks for others. Of what is pinned it may ask for
 * a stricter time limit. Drivers give an application_name without being asked: where that is pinned, theirs is left out. Throws where it asks for more.
 */
export function startSettings(
  asked: ReadonlyMap<string, string>,
  settings: SessionSettings | undefined,
  names: SessionNames,
): ReadonlyMap<string, string> {
  const pinned = pinnedOf(settings)
  const start = new Map(asked)
  for (const name of NAMES) {
    const value = settings?.[name]
    if (value === undefined) continue
    const own = typeof value === 'string' ? applicationNameOf(value, names) : String(value.milliseconds)
    const wanted = asked.get(name)
    const setting = pinned.get(name)
    if (wanted === undefined || (setting !== undefined && setting.limit === undefined)) start.set(name, own)
    else if (setting !== undefined && !isAsStrict(setting, plainMilliseconds(wanted)))
      throw pinnedRefusal(name, setting)
  }
  return start
}

/** What a session is asked for of what is pinned, before anything runs in it: what it has, and what RESET goes back to. Undefined: nothing is. */
export function pinnedQuery(pinned: PinnedSettings): string | undefined {
  if (pinned.size === 0) return undefined
  return `select name, setting, reset_val from pg_catalog.pg_settings where name operator(pg_catalog.=) any ('{${[...pinned.keys()].join(',')}}'::pg_catalog.text[])`
}

/** Throws where what is pinned did not become so: a pooler in between may leave out what sessions start with. */
export function checkPinnedRows(
  rows: readonly (readonly (string | null)[])[],
  pinned: PinnedSettings,
  start: ReadonlyMap<string, string>,
): void {
  const said = new Map(rows.map(([name, ...both]) => [name, both]))
  for (const [name, setting] of pinned) {
    const both = said.get(name)
    const isSet =
      both?.length === 2 &&
      both.every((value) =>
        setting.limit === undefined ? value === start.get(name) : isAsStrict(setting, plainMilliseconds(value ?? '')),
      )
    if (isSet) continue
    throw new PamError(
      'SETTING_REFUSED',
      `the target reports ${name} as ${both?.[0] ?? 'nothing'}, and it is pinned to ${setting.shown}`,
      {
        side: 'upstream',
        hint: 'ask your administrator to look for a pooler in between that does not pass on what sessions start with',
      },
    )
  }
}
