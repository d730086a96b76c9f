import type { TargetConfig } from '../../gateway/target.ts'
import { gatewayHalves } from '../../protocols/gateway.ts'
import type { ProtocolName } from '../../protocols/names.ts'
import type { TargetKind } from '../../protocols/protocol.ts'

/** What a target of the configuration is: its schema has checked that there is such a type. */
export const kindOf = ({ type }: TargetConfig): TargetKind => gatewayHalves[type as ProtocolName].target
