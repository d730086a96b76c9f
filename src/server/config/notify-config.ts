import { z } from 'zod'
import { duration } from '../../shared/duration-schema.ts'
import { certificates } from '../../shared/needed-values.ts'
import { secret } from '../../credentials/secret-schema.ts'
import { http } from './destination-url.ts'

const webhook = z.strictObject({
  name: z.string().min(1).max(50),
  url: http.describe('where messages are sent by POST'),
  secret: secret.describe('env:NAME or file:PATH of whsec_ and base64 of 24 to 64 random bytes'),
  ca: certificates.optional().describe('a file with the authority that signed the certificate of the receiver'),
  events: z
    .array(
      z.string().regex(/^[a-z]+\.[a-z._-]*$/, 'expected the beginning of a type, such as approval. or session.killed'),
    )
    .min(1)
    .default(['request.', 'approval.', 'lock.'])
    .describe('beginnings of types of the audit chain'),
  include: z
    .array(z.enum(['statements', 'reasons']))
    .default([])
    .describe('what messages leave out unless it is listed here; secrets are taken out of statements in any case'),
})

/** An entry of `requests.approvalWebhooks`. */
export const approvalWebhook = z
  .strictObject({
    name: z.string().min(1).max(50).describe('what rules call it: autoApprove.webhook'),
    url: http.describe('where it is asked by POST; redirects are not followed'),
    secret: secret.describe('env:NAME or file:PATH of whsec_ and base64 of 24 to 64 random bytes: signs what is asked'),
    answerSecret: secret.describe('the same with other bytes: what its answers are signed with'),
    ca: certificates.optional().describe('a file with the authority that signed the certificate of the receiver'),
    timeout: duration
      .refine((milliseconds) => milliseconds <= 10_000, 'expected at most 10s')
      .prefault('5s')
      .describe('how long an answer may take, at most 10s; then people decide'),
    include: z
      .array(z.enum(['reasons']))
      .default([])
      .describe('what it is not told unless it is listed here'),
  })
  .refine(({ secret: asked, answerSecret }) => asked !== answerSecret, {
    path: ['answerSecret'],
    message: 'must be another secret than the one that signs what is asked',
  })

const slack = z
  .strictObject({
    channel: z.string().min(1).describe('the id of the channel that reviews are posted to'),
    botToken: secret.describe('env:NAME or file:PATH of xoxb-…; scopes chat:write, users:read, users:read.email'),
    appToken: secret
      .optional()
      .describe('env:NAME or file:PATH of xapp-…, scope connections:write: decisions come through Socket Mode'),
    signingSecret: secret
      .optional()
      .describe('env:NAME or file:PATH: decisions come to publicUrl with /hooks/slack, signed'),
    showStatements: z
      .boolean()
      .default(false)
      .describe('true: messages contain the held commands, and those that are short and plain can be approved there'),
    apiUrl: http.default('https://slack.com/api').describe('of another installation of Slack'),
  })
  .refine(({ appToken, signingSecret }) => appToken !== undefined || signingSecret !== undefined, {
    message: 'needs appToken (Socket Mode) or signingSecret (a signed endpoint): otherwise nobody could decide',
  })

export const notificationsSchema = z
  .strictObject({
    webhooks: z.array(webhook).default([]),
    slack: slack.optional(),
  })
  .prefault({})
  .describe('who else is told of what happens')
