import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Server } from 'node:http'
import { Server as TlsServer } from 'node:tls'
import type { Config } from './config/config.ts'

/** The certificate chain and the key of `listen.tls`, in PEM; undefined where the gateway listens without TLS. */
export function readCertificate({
  listen,
  baseDirectory,
}: Pick<Config, 'listen' | 'baseDirectory'>): { readonly cert: Buffer; readonly key: Buffer } | undefined {
  const { tls } = listen
  if (tls === undefined) return undefined
  return {
    cert: readFileSync(resolve(baseDirectory, tls.certificate)),
    key: readFileSync(resolve(baseDirectory, tls.key)),
  }
}

/** New connections get the certificate that the files have now; open ones keep theirs. Throws where certificate and key do not belong together. */
export function renewCertificate(server: Server, config: Pick<Config, 'listen' | 'baseDirectory'>): void {
  const certificate = readCertificate(config)
  // With or without TLS: that is settled when the gateway starts to listen.
  if (certificate !== undefined && server instanceof TlsServer)
    server.setSecureContext({ ...certificate, minVersion: 'TLSv1.2' })
}
