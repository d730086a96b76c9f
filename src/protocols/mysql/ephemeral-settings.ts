import { z } from 'zod'
import { credential, REFERENCE } from '../../credentials/secret-schema.ts'

/** Names of roles have up to 128 characters in MariaDB, and 32 in MySQL (manuals, Identifier Names and Account Names). */
const name = z.string().regex(/^[^\p{Cc}]{1,128}$/u, 'expected the name of an account or a role')

/** `ephemeral:` of a target: an account for each session. */
export const ephemeralSettings = z
  .strictObject({
    administrator: z
      .strictObject({
        user: name.describe('an account that may create users, end their connections, and give the role away'),
        password: credential.describe(REFERENCE),
      })
      .describe('what the gateway logs in with to make accounts and to drop them; sessions never do'),
    grantedRole: name.describe(
      'the role that each session has: all that it may do comes from it, and from the roles that it was granted',
    ),
    accountHost: z
      .string()
      .regex(/^[0-9A-Za-z_.:%/-]{1,60}$/, 'expected an address, a name of a host or a pattern of them')
      .default('%')
      .describe(
        "where these accounts may connect from, as the host of an account says it: that of the gateway, as the server sees it, such as '10.0.0.5'",
      ),
  })
  .superRefine(({ administrator, grantedRole }, context) => {
    if (grantedRole === administrator.user)
      context.addIssue({ code: 'custom', path: ['grantedRole'], message: 'is the administrator' })
  })

export type EphemeralSettings = z.output<typeof ephemeralSettings>
