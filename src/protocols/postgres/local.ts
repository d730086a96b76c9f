import type { LocalHalf, LocalReason } from '../local-half.ts'
import { PasswordChallenge } from './local/challenge.ts'
import { PostgresProgress } from './local/progress.ts'
import { refuse, type RefusalReason } from './local/refuse.ts'
import { sqlstates } from './sqlstates.ts'

export const postgresLocal: LocalHalf = {
  // libpq, fe-connect.c: UNIXSOCK_PATH.
  socketName: (port) => `.s.PGSQL.${port}`,
  refuse: (bytes, reason) => refuse(bytes, inSql(reason)),
  follow: () => new PostgresProgress(inSql),
  challenge: (secret) => new PasswordChallenge(secret),
}

const inSql = ({ code, message, hint }: LocalReason): RefusalReason => ({
  message,
  hint,
  sqlstate: sqlstates[code],
  routine: code,
})
