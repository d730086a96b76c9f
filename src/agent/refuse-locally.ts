import type { Channel } from '../shared/channel.ts'
import { errorCodes } from '../shared/error-codes.ts'
import type { PamError } from '../shared/errors.ts'
import { refuse as refusePostgres } from '../wire/postgres/refuse.ts'

/** Per protocol, how a connection is turned away before the gateway could do it. */
const refusals: Readonly<Record<string, typeof refusePostgres>> = { postgres: refusePostgres }

/** Tells the client in its own protocol what stands in the way, then closes. */
export function refuseLocally(client: Channel, protocol: string, error: PamError): void {
  const refuse = refusals[protocol]
  if (refuse === undefined) return client.destroy()
  const timer = setTimeout(() => client.destroy(), LONGEST_WAIT)
  let bytes: Buffer = Buffer.alloc(0)
  const reason = { message: `pam: ${error.message}`, sqlstate: errorCodes[error.code].sqlstate, hint: error.hint }
  client.handler = {
    data(chunk) {
      bytes = Buffer.concat([bytes, chunk])
      try {
        for (let step = refuse(bytes, reason); step !== undefined; step = refuse(bytes, reason)) {
          bytes = bytes.subarray(step.taken)
          client.write(step.reply)
          if (step.done) return client.end()
        }
      } catch {
        client.destroy()
      }
    },
    drained() {},
    ended: () => client.end(),
    closed: () => clearTimeout(timer),
  }
  client.resume()
}

const LONGEST_WAIT = 5000
