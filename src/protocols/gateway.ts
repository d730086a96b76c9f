import { httpGateway } from './http/gateway-half.ts'
import { kubernetesGateway } from './kubernetes/gateway-half.ts'
import { mysqlGateway } from './mysql/gateway-half.ts'
import type { ProtocolName } from './names.ts'
import { postgresGateway } from './postgres/gateway-half.ts'
import type { GatewayHalf } from './protocol.ts'
import { sshGateway } from './ssh/gateway-half.ts'

/** What pam-gateway serves. A protocol without an entry does not compile. */
export const gatewayHalves: Readonly<Record<ProtocolName, GatewayHalf>> = {
  postgres: postgresGateway,
  mysql: mysqlGateway,
  ssh: sshGateway,
  kubernetes: kubernetesGateway,
  http: httpGateway,
}
