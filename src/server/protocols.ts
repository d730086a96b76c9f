import type { ServedProtocol } from '../gateway/tunnel-parts.ts'
import { gatewayHalves } from '../protocols/gateway.ts'
import { protocolNames } from '../protocols/names.ts'
import type { GatewayParts, TargetKind } from '../protocols/protocol.ts'
import type { Engine } from '../gateway/engine.ts'
import type { Config } from './config/config.ts'
import type { GatewayKeys } from './keys.ts'

export interface RunningProtocol extends ServedProtocol {
  readonly engine: Engine
  readonly target: TargetKind
}

/** The engine of every protocol, by type of target. */
export async function createProtocols(
  config: Config,
  {
    firstUse,
    identity = {},
    logger,
  }: Pick<GatewayParts, 'firstUse' | 'logger'> & Partial<Pick<GatewayKeys, 'identity'>>,
): Promise<ReadonlyMap<string, RunningProtocol>> {
  const running = await Promise.all(
    protocolNames.map(async (name) => {
      const half = gatewayHalves[name]
      const engine = await half.create({
        firstUse,
        logger,
        identityKey: identity[name],
        baseDirectory: config.baseDirectory,
        section: config.protocolSections[name],
      })
      return [name, { target: half.target, engine }] as const
    }),
  )
  return new Map(running)
}

export async function closeProtocols(protocols: ReadonlyMap<string, RunningProtocol>): Promise<void> {
  await Promise.all([...protocols.values()].map(({ engine }) => engine.close()))
}
