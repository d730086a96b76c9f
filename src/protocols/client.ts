import type { ClientHalf } from './client-half.ts'
import { httpClient } from './http/client.ts'
import { kubernetesClient } from './kubernetes/client.ts'
import { mysqlClient } from './mysql/client.ts'
import type { ProtocolName } from './names.ts'
import { postgresClient } from './postgres/client.ts'
import { sshClient } from './ssh/client/ssh.ts'

/** What `pamctl connect` starts clients for. A protocol without an entry does not compile. */
export const clientHalves: Readonly<Record<ProtocolName, ClientHalf>> = {
  postgres: postgresClient,
  mysql: mysqlClient,
  ssh: sshClient,
  kubernetes: kubernetesClient,
  http: httpClient,
}
