import { startHttpGateway, type HttpGateway } from './http-gateway.ts'
import { startHttpTarget, type HttpTestTarget } from './http-target.ts'

/** A service that tells what reaches it, and the gateway in front of it. */
export interface HttpService {
  readonly target: HttpTestTarget
  readonly gateway: HttpGateway
  stop(): Promise<void>
}

/** `targets`: under which names, and with what besides its address, the service is a target; the other lists are of the configuration. */
export async function startHttpService({
  targets,
  ...lists
}: Readonly<Record<string, unknown>> & {
  readonly targets: readonly Readonly<Record<string, unknown>>[]
}): Promise<HttpService> {
  const target = await startHttpTarget()
  const common = { type: 'http', host: '127.0.0.1', port: target.port, tls: 'disable' }
  const gateway = await startHttpGateway({ targets: targets.map((own) => ({ ...common, ...own })), ...lists })
  return {
    target,
    gateway,
    async stop() {
      await gateway.stop()
      await target.stop()
    },
  }
}
