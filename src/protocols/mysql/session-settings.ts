import { z } from 'zod'
import { isAsStrict, pinnedFindings, type PinnedSettings } from '../../sql/pinned-settings.ts'
import { keysOf } from '../../shared/records.ts'

/** A year; what servers take is no less. */
const seconds = z.int().min(1).max(31_536_000)

const values = {
  max_statement_time: z
    .number()
    .min(0.001)
    .max(31_536_000)
    .optional()
    .describe('how long a statement may run, in seconds (MariaDB)'),
  max_execution_time: z
    .int()
    .min(1)
    .max(4_294_967_295)
    .optional()
    .describe('how long a SELECT may run, in milliseconds (MySQL has no limit for other statements)'),
  lock_wait_timeout: seconds.optional().describe('how long a statement waits for the lock of a definition, in seconds'),
  innodb_lock_wait_timeout: seconds.optional().describe('how long a statement waits for the lock of a row, in seconds'),
  wait_timeout: seconds
    .optional()
    .describe(
      'how long a session may be idle before the server ends it, in seconds; a statement that is held is idle, too',
    ),
  idle_transaction_timeout: seconds
    .optional()
    .describe('how long a transaction may be idle before the server ends the session, in seconds (MariaDB)'),
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
        'which of these settings a session may not change; they may still be set to a smaller whole number. A session may set all others to any value',
      ),
  })
  .superRefine((settings, context) => {
    for (const finding of pinnedFindings(settings)) context.addIssue({ code: 'custom', ...finding })
  })

export type SessionSettings = z.output<typeof sessionSettings>

/** What statements are held to. */
export const pinnedOf = (settings: SessionSettings | undefined): PinnedSettings =>
  new Map(
    (settings?.pinned ?? []).flatMap((name) => {
      const limit = settings?.[name]
      return limit === undefined ? [] : [[name, { shown: String(limit), limit }]]
    }),
  )

/** The statement that gives a session its settings, again each time the server has forgotten them; none where nothing is configured. */
export function settingStatements(settings: SessionSettings | undefined): string[] {
  const set = NAMES.flatMap((name) => {
    const value = settings?.[name]
    return value === undefined ? [] : [`${name} = ${value}`]
  })
  return set.length === 0 ? [] : [`SET SESSION ${set.join(', ')}`]
}

/** What a query is to select to read back what is pinned, with a comma before each. */
export const pinnedColumns = (pinned: PinnedSettings): string =>
  [...pinned.keys()].map((name) => `, @@session.${name}`).join('')

/** The first pinned setting that the server reports as lifted, in the order of `pinnedColumns`. */
export const liftedSetting = (values: readonly (string | null)[], pinned: PinnedSettings): string | undefined =>
  [...pinned].find(([, setting], index) => !isAsStrict(setting, Number(values[index] ?? NaN)))?.[0]
