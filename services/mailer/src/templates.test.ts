import { describe, expect, test } from 'vitest'
import { Mail, type TemplateName } from '@mcpshield/contracts/mailer'
import { Notifications } from '@mcpshield/contracts/auth'
import { renderMail, type Rendered } from './templates.ts'

const WEB = 'https://app.example.org'
const time = '2026-03-01T12:34:56.000Z'
const url = `${WEB}/somewhere?a=1&b=2`
const limit = { organization: 'Acme', month: '2026-03', count: 8_000, limit: 10_000 }

const mails: { [T in TemplateName]: Extract<Mail, { template: T }> } = {
  verify_email: { template: 'verify_email', code: '012345', minutes: 10 },
  reset_password: { template: 'reset_password', code: '987654', minutes: 1 },
  address_in_use: { template: 'address_in_use' },
  password_changed: { template: 'password_changed', time },
  email_changed: { template: 'email_changed', time },
  mfa_changed: { template: 'mfa_changed', time, enabled: true },
  new_sign_in: { template: 'new_sign_in', time, address: '203.0.113.7', user_agent: 'Firefox' },
  invitation: {
    template: 'invitation',
    organization: 'Acme',
    inviter: 'Grace Hopper',
    role: 'editor',
    url,
    expires_at: time,
  },
  plan_limit_near: { template: 'plan_limit_near', ...limit },
  plan_limit_reached: { template: 'plan_limit_reached', ...limit },
  pending_approval: {
    template: 'pending_approval',
    project: 'Shop',
    tool: 'orders_delete',
    agent: 'cleaner',
    url,
    expires_at: time,
  },
  quarantined_tool: {
    template: 'quarantined_tool',
    project: 'Shop',
    upstream: 'files',
    tool: 'read_file',
    url,
  },
}
const every = Object.values(mails)
const render = (mail: Mail) => renderMail(mail, { firstName: 'Ada' }, WEB)

/** What a person reads of the HTML. */
function readable(html: string): string {
  return html
    .replace(/<head>[\s\S]*<\/head>/, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&#39;/g, "'")
    .replace(/&quot;/g, '"')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ')
}
const words = (text: string) => text.match(/[\p{L}\p{N}@./?&=[\]]+/gu) ?? []

test('every template of the contract is here', () => {
  const names = Mail.options.map((option) => option.shape.template.value)
  expect(Object.keys(mails).sort()).toEqual([...names].sort())
})

describe.for(every)('$template', (mail) => {
  const rendered = render(mail)

  test('says the same as text and as HTML', () => {
    const shown = words(readable(rendered.html))
    for (const word of words(rendered.text)) expect(shown).toContain(word)
  })

  test('says who sends it, and greets by name', () => {
    expect(rendered.text).toMatch(/^Hello Ada,\n/)
    expect(rendered.text).toMatch(/This mail was sent by MCPShield, .* because /)
    expect(rendered.subject).toMatch(/^[^\r\n]{10,78}$/)
  })

  test('loads nothing', () => {
    expect(rendered.html).not.toMatch(/<(img|script|link|iframe|object|svg)|url\(|@import|\ssrc=/i)
  })

  test('links to the dashboard only, and says each link as text', () => {
    for (const [, target] of rendered.html.matchAll(/href="([^"]*)"/g))
      expect(target).toBe(url.replaceAll('&', '&amp;'))
    for (const [link] of rendered.text.matchAll(/\w+:\/\/\S+/g)) expect(link.startsWith(WEB)).toBe(true)
  })

  test('is wished for or not by a setting that it speaks of, or always sent', () => {
    const optional = mail.template in Notifications.shape
    expect(rendered.text.includes(`${WEB}/app/settings`)).toBe(optional)
  })
})

test.for([mails.verify_email, mails.reset_password])(
  '$template shows its code alone on a line, and no link',
  (mail) => {
    const { text, html, subject } = render(mail)
    expect(text).toMatch(new RegExp(`^ {4}${mail.code}$`, 'm'))
    expect(html).toContain(`>${mail.code}<`)
    expect(text + html).not.toMatch(/href|:\/\//)
    // A subject is seen on locked screens.
    expect(subject).not.toContain(mail.code)
    expect(text).toContain(mail.minutes === 1 ? '1 minute,' : '10 minutes,')
    expect(text).toContain('If you did not ask for it')
  },
)

test.for([mails.password_changed, mails.mfa_changed, mails.new_sign_in, mails.email_changed])(
  '$template says what to do when it was not you',
  (mail) => {
    expect(render(mail).text).toContain('If it was not you')
    expect(render(mail).text).toContain('2026-03-01 12:34 UTC'.slice(0, 16))
  },
)

test('facts are told', () => {
  expect(render(mails.new_sign_in).text).toContain('Network address: 203.0.113.7')
  expect(render({ ...mails.new_sign_in, user_agent: null }).text).toContain('Program: not told')
  expect(render(mails.plan_limit_near).text).toContain('Events: 8,000 of 10,000')
  expect(render(mails.invitation).text).toContain('Invited by: Grace Hopper')
  expect(render({ ...mails.mfa_changed, enabled: false }).text).toContain('was removed')
  expect(render({ ...mails.pending_approval, agent: null }).text).toContain('Agent: not named')
})

test('without a name the greeting stands alone', () => {
  expect(renderMail(mails.verify_email, {}, WEB).text).toMatch(/^Hello,\n/)
  expect(renderMail(mails.verify_email, { firstName: '\u202E' }, WEB).text).toMatch(/^Hello,\n/)
})

describe('what strangers choose', () => {
  const hostile = [
    'evil.com',
    'https://evil.com/a?b',
    '<a href="https://evil.com">Click</a>',
    '<script>alert(1)</script>',
    'Ada\r\nBcc: all@evil.com',
    '\u202Emoc.live\u202C',
    '"><img src=x onerror=alert(1)>',
    '&lt;b&gt;',
    'x'.repeat(5_000),
  ]
  const withName = (name: string): Rendered[] => [
    renderMail(mails.verify_email, { firstName: name }, WEB),
    render({ ...mails.invitation, organization: name, inviter: name, role: name }),
    render({ ...mails.pending_approval, project: name, tool: name, agent: name }),
    render({ ...mails.quarantined_tool, project: name, upstream: name, tool: name }),
    render({ ...mails.new_sign_in, address: name, user_agent: name }),
    render({ ...mails.plan_limit_near, organization: name, month: name }),
  ]

  test.for(hostile)('%j is text: no link, no markup, no header', (name) => {
    const plain = withName('Plain')
    for (const [at, { subject, text, html }] of withName(name).entries()) {
      expect(subject).toBe(plain[at]?.subject)
      for (const [link] of text.matchAll(/\w+:\/\/\S+|\bwww\.\S+|\b[\w-]+\.(?:com|live)\b/g))
        expect(link.startsWith(WEB), link).toBe(true)
      expect(html.match(/<[a-z]+/g)).toEqual(plain[at]?.html.match(/<[a-z]+/g))
      expect(text).not.toMatch(/[\u202A-\u202E\u2066-\u2069\r]/)
      expect(text.length).toBeLessThan(2_500)
    }
  })
})
