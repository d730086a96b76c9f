import type { LocalHalf } from '../local-half.ts'
import { PasswordChallenge } from './local/challenge.ts'
import { refuse } from './local/refuse.ts'
import { sqlstates } from './sqlstates.ts'

export const postgresLocal: LocalHalf = {
  // libpq, fe-connect.c: UNIXSOCK_PATH.
  socketName: (port) => `.s.PGSQL.${port}`,
  refuse: (bytes, { code, message, hint }) => refuse(bytes, { message, hint, sqlstate: sqlstates[code] }),
  challenge: (secret) => new PasswordChallenge(secret),
}
