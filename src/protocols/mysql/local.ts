import type { LocalHalf } from '../local-half.ts'
import { LoginChallenge } from './local/challenge.ts'
import { MysqlProgress } from './local/progress.ts'
import { refuse } from './local/refuse.ts'

export const mysqlLocal: LocalHalf = {
  // The name that clients are given: no client looks for a socket by itself in a given directory.
  socketName: () => 'mysql.sock',
  refuse,
  follow: () => new MysqlProgress(),
  challenge: (secret) => new LoginChallenge(secret),
}
