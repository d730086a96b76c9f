import { httpLocal } from './http/local.ts'
import { kubernetesLocal } from './kubernetes/local.ts'
import type { LocalHalf } from './local-half.ts'
import { mysqlLocal } from './mysql/local.ts'
import type { ProtocolName } from './names.ts'
import { postgresLocal } from './postgres/local.ts'
import { sshLocal } from './ssh/local.ts'

/** What the agent opens ports for. A protocol without an entry does not compile. */
export const localHalves: Readonly<Record<ProtocolName, LocalHalf>> = {
  postgres: postgresLocal,
  mysql: mysqlLocal,
  ssh: sshLocal,
  kubernetes: kubernetesLocal,
  http: httpLocal,
}
