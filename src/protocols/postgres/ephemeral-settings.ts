import { z } from 'zod'
import { credential, REFERENCE } from '../../credentials/secret-schema.ts'
import { PINNED_SETTINGS } from './pinned-settings.ts'

const role = z
  .string()
  .regex(/^[^\p{Cc}]{1,63}$/u, 'expected the name of a role')
  .refine((name) => Buffer.byteLength(name) <= 63, 'expected at most 63 bytes')

/** `ephemeral:` of a target: a role for each session. */
export const ephemeralSettings = z
  .strictObject({
    administrator: z
      .strictObject({
        user: role.describe('an account that may create roles and has the granted ones with ADMIN OPTION'),
        password: credential.describe(REFERENCE),
      })
      .describe('what the gateway logs in with to make roles and to drop them; sessions never do'),
    grantedRoles: z
      .array(role)
      .min(1)
      .describe('the roles that each session is a member of: all that it may do comes from them'),
    owner: role
      .optional()
      .describe(
        'the one of grantedRoles that owns what a session has created, after the session has ended; default: the first',
      ),
    settings: z
      .record(z.string(), z.union([z.string(), z.array(z.string()).min(1)]))
      .default({})
      .describe('settings of the role, such as statement_timeout: 30s; a list for those that have several values'),
  })
  .superRefine(({ administrator, grantedRoles, owner, settings }, context) => {
    for (const [name, value] of Object.entries(settings)) {
      const problem = !/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/.test(name)
        ? 'expected the name of a setting, in lower case'
        : BECOMES_ANOTHER.has(name)
          ? 'is not a setting for a session: it would become another role'
          : PINNED_SETTINGS.get(name)?.test([value].flat().join(', ')) === false
            ? 'the gateway relies on it to parse statements as the server does: leave it as it is'
            : undefined
      if (problem !== undefined) context.addIssue({ code: 'custom', path: ['settings', name], message: problem })
    }
    // Functions and views act with the rights of their owner: with those of another role, a session would get them by what it leaves behind.
    if (owner !== undefined && !grantedRoles.includes(owner))
      context.addIssue({
        code: 'custom',
        path: ['owner'],
        message:
          'must be one of grantedRoles: functions and views that a session leaves behind act with the rights of their owner',
      })
    if (grantedRoles.includes(administrator.user))
      context.addIssue({ code: 'custom', path: ['grantedRoles'], message: 'has the administrator in it' })
  })

export type EphemeralSettings = z.output<typeof ephemeralSettings>

const BECOMES_ANOTHER: ReadonlySet<string> = new Set(['role', 'session_authorization'])
