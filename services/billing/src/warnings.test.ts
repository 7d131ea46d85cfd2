import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { AppError } from '@mcpshield/contracts/errors'
import { MailJob } from '@mcpshield/contracts/mailer'
import { derivedId } from './derived-id.ts'
import { warnOfUsage, type WarningDeps } from './warnings.ts'

const [org_id, ada, grace] = [randomUUID(), randomUUID(), randomUUID()]
const reached = { org_id, month: '2026-11', percent: 80, count: 8_000, limit: 10_000 } as const

async function mailsOf(event: Parameters<typeof warnOfUsage>[1], deps: Partial<WarningDeps> = {}) {
  const sent: MailJob[] = []
  await warnOfUsage(
    {
      listAdministrators: async () => ({ organization: 'Analytical', user_ids: [ada, grace] }),
      sendMail: async (job) => void sent.push(MailJob.parse(job)),
      ...deps,
    },
    event,
  )
  return sent
}

describe('a warning of usage', () => {
  test('is one mail for each administrator', async () => {
    const { month, count, limit } = reached
    expect(await mailsOf(reached)).toEqual(
      [ada, grace].map((user_id) => ({
        id: expect.any(String),
        to: { user_id },
        mail: { template: 'plan_limit_near', organization: 'Analytical', month, count, limit },
      })),
    )
  })

  test('has the same ids when it is told again, and others for anything else', async () => {
    const ids = async (event: Parameters<typeof warnOfUsage>[1]) =>
      (await mailsOf(event)).map((job) => job.id)
    expect(await ids({ ...reached, count: 8_500 })).toEqual(await ids(reached))
    const all = await Promise.all([
      ids(reached),
      ids({ ...reached, percent: 100 }),
      ids({ ...reached, month: '2026-12' }),
      ids({ ...reached, org_id: randomUUID() }),
    ])
    expect(new Set(all.flat()).size).toBe(8)
  })

  test('says at 100 percent that the limit is reached', async () => {
    const mails = await mailsOf({ ...reached, percent: 100, count: 10_000 })
    expect(mails.map(({ mail }) => mail.template)).toEqual(['plan_limit_reached', 'plan_limit_reached'])
  })

  test('goes to nobody when the organisation is gone, and is tried again when nobody can say', async () => {
    const failing = (code: 'NOT_FOUND' | 'UNAVAILABLE') => ({
      listAdministrators: () => Promise.reject(new AppError(code, 'No.')),
    })
    expect(await mailsOf(reached, failing('NOT_FOUND'))).toEqual([])
    await expect(mailsOf(reached, failing('UNAVAILABLE'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

test('a derived id is a UUIDv8 of all its parts and of where each ends', () => {
  expect(derivedId('a', 'b')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(derivedId('a', 'b')).toBe(derivedId('a', 'b'))
  expect(derivedId('ab')).not.toBe(derivedId('a', 'b'))
})
