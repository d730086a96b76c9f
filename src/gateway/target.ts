import { z } from 'zod'
import { secret, size } from './config-values.ts'

/** A target: what people connect to through the gateway. */
export const targetSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected lower-case letters, digits, dots, dashes; at most 63')
      .describe('what people call it'),
    type: z.enum(['postgres']).describe('the protocol'),
    labels: z.record(z.string(), z.string()).default({}).describe('what rules select by, such as env: prod'),
    host: z.string().min(1).describe('where the gateway reaches it'),
    port: z.int().min(1).max(65_535).default(5432),
    database: z.string().min(1).describe('the only database that is served'),
    user: z.string().min(1).describe('the account that the gateway logs in with'),
    password: secret.optional().describe('env:NAME or file:PATH'),
    ownAccount: z
      .boolean()
      .default(false)
      .describe(
        'true: nobody else uses the account; the rules, not the gateway, decide about statements that change it or end its backends',
      ),
    safeFunctions: z
      .array(z.string().regex(/^[^.]+\.[^.]+$/, 'expected schema.function'))
      .default([])
      .describe(
        'functions (schema.function) of the database that somebody has read and that may run: all others that somebody wrote are of unknown effect',
      ),
    durability: z
      .enum(['buffered', 'strict'])
      .optional()
      .describe('how safely a command is on record before it is forwarded; recording.durability where it is left out'),
    recordRows: size
      .prefault('0 B')
      .describe('how much of each result is kept in the record, as the client sees it, masked'),
    tls: z
      .enum(['verify-full', 'verify-ca', 'require', 'disable'])
      .default('verify-full')
      .describe(
        'how the gateway checks the target; all but verify-full trust more than they should, and are warned about',
      ),
    ca: z.string().optional().describe('a file with the authority that signed the certificate of the target'),
  })
  .superRefine((target, context) => {
    if (target.ca !== undefined && !target.tls.startsWith('verify-')) {
      context.addIssue({ code: 'custom', path: ['ca'], message: `is not used with tls: ${target.tls}` })
    }
  })

export type TargetConfig = z.output<typeof targetSchema>
