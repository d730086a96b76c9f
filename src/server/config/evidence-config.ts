import { z } from 'zod'
import { ageEncrypter } from '../../recording/encryption.ts'
import { secret } from '../../credentials/secret-schema.ts'
import { size } from '../../shared/size.ts'
import { http } from './destination-url.ts'
import { targets } from '../../policy/rule-schemas.ts'
import { duration, timeout } from '../../shared/duration-schema.ts'
import { renamedKeys } from '../../shared/yaml-file.ts'
import { certificates } from '../../shared/needed-values.ts'

const recipient = z.string().superRefine((text, context) => {
  try {
    ageEncrypter([text])
  } catch (error) {
    context.addIssue({ code: 'custom', message: `expected an age public key (age1…): ${(error as Error).message}` })
  }
})

const s3 = z.strictObject({
  type: z.literal('s3'),
  endpoint: http.describe('with the bucket, such as https://s3.eu-central-1.amazonaws.com/records'),
  region: z.string().default('auto'),
  accessKeyId: secret.describe('env:NAME or file:PATH'),
  secretAccessKey: secret.describe('env:NAME or file:PATH'),
  prefix: z
    .string()
    .regex(/^([\w.-]+\/)*$/, 'expected folders that end with a slash, such as pam/records/')
    .default('')
    .describe('what every object’s name begins with'),
  serverSideEncryption: z
    .strictObject({
      algorithm: z.enum(['AES256', 'aws:kms']),
      keyId: z.string().optional().describe('of the key management service'),
    })
    .optional(),
  objectLock: z
    .strictObject({ mode: z.enum(['GOVERNANCE', 'COMPLIANCE']), for: duration })
    .optional()
    .describe('asks the storage to keep each object for this long, whoever tries to delete it'),
})

const homeSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('directory'), path: z.string().describe('relative to this file') }),
  s3,
])

export const recordingSchema = z
  .strictObject({
    durability: z
      .enum(['buffered', 'strict'])
      .default('buffered')
      .describe(
        'buffered: a command is forwarded once its record is in the operating system, which survives the gateway; strict: once it is flushed to the disk, which survives a power cut',
      ),
    writeTimeout: timeout
      .prefault('10s')
      .describe('a disk that takes longer has failed: sessions end, new ones are refused'),
    spoolLimit: size
      .prefault('20 GiB')
      .describe('new sessions are refused above this size, until the home accepts recordings again'),
    encryptTo: z
      .array(recipient)
      .default([])
      .describe('age public keys of auditors: the gateway can then write records and not read them'),
    home: homeSchema
      .optional()
      .describe('where sealed records are kept; default: the folder recordings in dataDirectory'),
    retention: z
      .array(
        z.strictObject({
          name: z.string().min(1),
          targets,
          keep: duration.describe('records older than this are deleted, unless held'),
        }),
      )
      .default([])
      .describe('the first rule that matches a record’s target counts; a record that no rule matches is kept forever'),
  })
  .register(renamedKeys, { longestWrite: 'writeTimeout' })
  .prefault({})
  .describe('how sessions are recorded')

const header = z.strictObject({ name: z.string().regex(/^[\w-]+$/), value: secret }).optional()

export const auditSchema = z
  .strictObject({
    checkpoints: z
      .strictObject({
        every: timeout.prefault('1h'),
        to: z
          .array(
            z.discriminatedUnion('type', [
              z.strictObject({ type: z.literal('file'), path: z.string() }),
              z.strictObject({ type: z.literal('webhook'), url: http, header }),
              z.strictObject({ type: z.literal('home') }).describe('an object beside the records, in the home'),
            ]),
          )
          .default([]),
      })
      .prefault({})
      .describe('signed statements of how long the chain is: kept elsewhere, they show that it was cut'),
    streams: z
      .array(
        z.discriminatedUnion('type', [
          z.strictObject({
            type: z.literal('file'),
            name: z.string().min(1),
            path: z.string(),
            format: z.enum(['json', 'ocsf']).default('json'),
          }),
          z.strictObject({
            type: z.literal('syslog'),
            name: z.string().min(1),
            host: z.string().min(1),
            port: z.int().min(1).max(65_535).default(6514),
            ca: certificates
              .optional()
              .describe('a file with the authority that signed the certificate of the receiver'),
            format: z.enum(['json', 'ocsf']).default('json'),
          }),
          z.strictObject({
            type: z.literal('https'),
            name: z.string().min(1),
            url: http,
            header,
            ca: certificates
              .optional()
              .describe('a file with the authority that signed the certificate of the receiver'),
            format: z.enum(['json', 'ocsf']).default('json'),
          }),
        ]),
      )
      .default([])
      .describe('where every audit entry is sent, in order, at least once'),
  })
  .prefault({})

export type AuditConfig = z.output<typeof auditSchema>
