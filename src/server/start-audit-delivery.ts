import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  Checkpoints,
  keepAtWebhook,
  keepInFile,
  keepInHome,
  type CheckpointKeeper,
} from '../audit-delivery/checkpoints.ts'
import type { Destination, Format } from '../audit-delivery/destination.ts'
import { toFile } from '../audit-delivery/file.ts'
import { toHttps } from '../audit-delivery/https.ts'
import { AuditStream } from '../audit-delivery/stream.ts'
import { toSyslog } from '../audit-delivery/syslog.ts'
import { resolveSecret, type SecretReference } from '../credentials/secret-reference.ts'
import type { Home } from '../recording/homes/home.ts'
import { toOcsf } from '../recording/ocsf.ts'
import type { Signer } from '../recording/seal.ts'
import type { Logger } from '../shared/logger.ts'
import { auditHead } from '../storage/audit-head.ts'
import { auditSource } from '../storage/audit-cursors.ts'
import type { Database } from '../storage/database.ts'
import type { Config } from './config/config.ts'
import type { AuditConfig } from './config/evidence-config.ts'

/** The audit chain outside of the gateway: streams of its entries, and checkpoints. */
export interface AuditDelivery {
  readonly streams: readonly AuditStream[]
  readonly checkpoints: Checkpoints
  stop(): Promise<void>
}

type StreamConfig = AuditConfig['streams'][number]
type CheckpointConfig = AuditConfig['checkpoints']['to'][number]

export function startAuditDelivery(
  config: Config,
  { db, home, signer, logger }: { db: Database; home: Home; signer: Signer; logger: Logger },
): AuditDelivery {
  const { audit, baseDirectory, dataDirectory } = config
  const path = (name: string): string => resolve(baseDirectory, name)
  const secretHeader = (header: { name: string; value: string } | undefined) =>
    header && (() => ({ [header.name]: resolveSecret(header.value as SecretReference, baseDirectory) }))
  const authority = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : readFileSync(path(file), 'utf8')

  const destinationOf = (stream: StreamConfig): Destination => {
    const format = FORMATS[stream.format]
    switch (stream.type) {
      case 'file':
        return toFile(path(stream.path), format)
      case 'syslog':
        return toSyslog({ ...stream, ca: authority(stream.ca) }, format)
      case 'https':
        return toHttps({ url: stream.url, headers: secretHeader(stream.header), ca: authority(stream.ca) }, format)
    }
  }
  const keeperOf = (to: CheckpointConfig): CheckpointKeeper => {
    switch (to.type) {
      case 'file':
        return keepInFile(path(to.path))
      case 'webhook':
        return keepAtWebhook({ url: to.url, headers: secretHeader(to.header) })
      case 'home':
        return keepInHome(home, join(dataDirectory, 'spool'))
    }
  }

  const source = auditSource(db)
  const streams = audit.streams.map((stream) => new AuditStream(stream.name, source, destinationOf(stream), logger))
  const checkpoints = new Checkpoints({
    every: audit.checkpoints.every,
    keepers: audit.checkpoints.to.map((to, index) => ({ name: `${to.type} ${index}`, keep: keeperOf(to) })),
    head: () => auditHead(db.read),
    signer,
    logger,
  })
  void checkpoints.write()
  return {
    streams,
    checkpoints,
    async stop() {
      await checkpoints.stop()
      for (const stream of streams) await stream.stop()
    },
  }
}

const FORMATS: Readonly<Record<StreamConfig['format'], Format>> = {
  json: (record) => JSON.stringify(record),
  ocsf: (record) => JSON.stringify(toOcsf(record)),
}
