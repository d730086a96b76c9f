import { hostname } from 'node:os'
import { connect, type TLSSocket } from 'node:tls'
import type { AuditRecord } from '../recording/audit-chain.ts'
import type { Destination, Format } from './destination.ts'

/**
 * Syslog (RFC 5424) over TLS (RFC 5425, octet counting). The protocol has no answer: what was sent last before a connection
 * broke may not have arrived, so it is sent again over the next one.
 */
export function toSyslog(
  { host, port, ca }: { readonly host: string; readonly port: number; readonly ca?: string | undefined },
  format: Format,
): Destination {
  let socket: TLSSocket | undefined
  let last: readonly AuditRecord[] = []
  const open = (): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const opening = connect({ host, port, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) })
      opening.setTimeout(TIMEOUT_MS, () => opening.destroy(new Error('the receiver does not answer in time')))
      opening.once('secureConnect', () => {
        opening.setTimeout(0)
        resolve(opening)
      })
      opening.on('error', reject)
      opening.on('close', () => {
        if (socket === opening) socket = undefined
        reject(new Error('the receiver closed the connection'))
      })
      // Receivers say nothing; what they say all the same is not kept.
      opening.resume()
    })
  const write = (to: TLSSocket, records: readonly AuditRecord[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const messages = records.map((record) => syslogMessage(record, format))
      to.once('close', () => reject(new Error('the receiver closed the connection')))
      to.write(messages.map((message) => `${Buffer.byteLength(message)} ${message}`).join(''), (error) =>
        error == null ? resolve() : reject(error),
      )
    })
  return {
    async send(records) {
      if (socket === undefined) {
        socket = await open()
        await write(socket, last)
      }
      await write(socket, records)
      last = records
    },
    close: () => void socket?.destroy(),
  }
}

/** RFC 5424, section 6. */
function syslogMessage(record: AuditRecord, format: Format): string {
  return `<${FACILITY_AUDIT * 8 + SEVERITY_NOTICE}>1 ${record.at} ${hostname()} pam-gateway ${process.pid} ${record.type} - ${format(record)}`
}

const FACILITY_AUDIT = 13
const SEVERITY_NOTICE = 5
const TIMEOUT_MS = 10_000
