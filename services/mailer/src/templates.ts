// What each mail says: pure. Subjects are fixed: no header carries what somebody else has chosen.
import { isIP } from 'node:net'
import type { Mail, TemplateName } from '@mcpshield/contracts/mailer'
import { htmlOf, textOf, type Block, type Letter } from './layout.ts'
import { plainName } from './plain-names.ts'

export type Rendered = { subject: string; text: string; html: string }
export type Reader = { firstName?: string | undefined }
type Of<T extends TemplateName> = Extract<Mail, { template: T }>

/** `webUrl`: where the dashboard is, for mails that speak of the settings. */
export function renderMail(mail: Mail, reader: Reader, webUrl: string): Rendered {
  const content = contentOf(mail, webUrl.replace(/\/+$/, ''))
  const name = plainName(reader.firstName ?? '', 40)
  const letter: Letter = {
    subject: content.subject,
    greeting: name === '' ? 'Hello,' : `Hello ${name},`,
    blocks: content.blocks,
    footer: [
      `This mail was sent by MCPShield, the gateway between AI agents and systems, ${content.because}`,
      ...(content.footer ?? []),
    ],
  }
  return { subject: letter.subject, text: textOf(letter), html: htmlOf(letter) }
}

type Content = { subject: string; blocks: Block[]; because: string; footer?: string[] }

function contentOf(mail: Mail, webUrl: string): Content {
  switch (mail.template) {
    case 'verify_email':
      return verifyEmail(mail)
    case 'reset_password':
      return resetPassword(mail)
    case 'address_in_use':
      return addressInUse()
    case 'password_changed':
      return passwordChanged(mail)
    case 'email_changed':
      return emailChanged(mail)
    case 'mfa_changed':
      return mfaChanged(mail)
    case 'new_sign_in':
      return newSignIn(mail)
    case 'invitation':
      return invitation(mail)
    case 'plan_limit_near':
    case 'plan_limit_reached':
      return planLimit(mail, webUrl)
    case 'pending_approval':
      return pendingApproval(mail, webUrl)
    case 'quarantined_tool':
      return quarantinedTool(mail, webUrl)
    default:
      return mail satisfies never
  }
}

const say = (text: string): Block => ({ kind: 'text', text })
const minutes = (count: number) => (count === 1 ? '1 minute' : `${count} minutes`)
const time = (text: string) => `${new Date(text).toISOString().slice(0, 16).replace('T', ' ')} UTC`
const count = (number: number) => number.toLocaleString('en')
/** Only an address of a network can be left as it is. */
const network = (text: string) => (isIP(text) === 0 ? plainName(text, 45) : text)

function verifyEmail({ code, minutes: good }: Of<'verify_email'>): Content {
  return {
    subject: 'Your code to confirm this address',
    blocks: [
      say('Your code to confirm this e-mail address:'),
      { kind: 'code', code },
      say(`It is good for ${minutes(good)}, once. Nobody of MCPShield will ever ask you for it.`),
      say('If you did not ask for it, ignore this mail: without the code nothing happens.'),
    ],
    because: 'because this address was entered there.',
  }
}

function resetPassword({ code, minutes: good }: Of<'reset_password'>): Content {
  return {
    subject: 'Your code to reset your password',
    blocks: [
      say('Your code to set a new password:'),
      { kind: 'code', code },
      say(`It is good for ${minutes(good)}, once. Nobody of MCPShield will ever ask you for it.`),
      say('If you did not ask for it, ignore this mail: your password stays as it is.'),
    ],
    because: 'because somebody asked to reset the password of the account with this address.',
  }
}

function addressInUse(): Content {
  return {
    subject: 'You already have an account',
    blocks: [
      say(
        'Somebody, perhaps you, entered this address to register or as their new address. It belongs to your account already, and nothing has changed.',
      ),
      say('If it was you: sign in as usual, or have your password reset if you do not know it any more.'),
      say(
        'If it was not you, there is nothing to do. Whoever it was has not been told that you have an account.',
      ),
    ],
    because: 'because this address was entered there.',
  }
}

const SECURITY = 'because it concerns the safety of your account. Such mails are always sent.'
const NOT_YOU =
  'If it was not you: reset your password at once, which ends every session, and look at your sign-in settings.'

function passwordChanged(mail: Of<'password_changed'>): Content {
  return {
    subject: 'Your password was changed',
    blocks: [
      say(`The password of your account was changed at ${time(mail.time)}, and every session was ended.`),
      say('If it was you, there is nothing to do.'),
      say(NOT_YOU),
    ],
    because: SECURITY,
  }
}

function emailChanged(mail: Of<'email_changed'>): Content {
  return {
    subject: 'The address of your account was changed',
    blocks: [
      say(
        `Your account has had another e-mail address since ${time(mail.time)}. This one no longer belongs to it.`,
      ),
      say('If it was you, there is nothing to do.'),
      say(
        'If it was not you, somebody else has your account: tell whoever runs this installation of MCPShield at once.',
      ),
    ],
    because: SECURITY,
  }
}

function mfaChanged(mail: Of<'mfa_changed'>): Content {
  const [subject, what] = mail.enabled
    ? ['An authenticator app was added', 'An authenticator app was added to your account']
    : ['Your authenticator app was removed', 'The authenticator app was removed from your account']
  return {
    subject,
    blocks: [
      say(`${what} at ${time(mail.time)}.`),
      say('If it was you, there is nothing to do.'),
      say(NOT_YOU),
    ],
    because: SECURITY,
  }
}

function newSignIn(mail: Of<'new_sign_in'>): Content {
  const program = mail.user_agent === null ? 'not told' : plainName(mail.user_agent, 120)
  return {
    subject: 'New sign-in to your account',
    blocks: [
      say('Somebody signed in to your account from where we have not seen you before:'),
      {
        kind: 'facts',
        rows: [
          ['Time', time(mail.time)],
          ['Network address', network(mail.address)],
          ['Program', program],
        ],
      },
      say('If it was you, there is nothing to do.'),
      say(NOT_YOU),
    ],
    because: SECURITY,
  }
}

function invitation(mail: Of<'invitation'>): Content {
  return {
    subject: 'You are invited to an organisation on MCPShield',
    blocks: [
      say(
        'You are invited to join an organisation. What it and the person who invites you are called is their choice; we have not checked it.',
      ),
      {
        kind: 'facts',
        rows: [
          ['Organisation', plainName(mail.organization)],
          ['Invited by', plainName(mail.inviter)],
          ['Role', plainName(mail.role, 20)],
        ],
      },
      { kind: 'button', label: 'See the invitation', url: mail.url },
      say(
        `The invitation is good until ${time(mail.expires_at)}. If you do not know who this is, ignore this mail: nothing happens.`,
      ),
    ],
    because: 'because somebody who uses it entered this address.',
  }
}

function planLimit(mail: Of<'plan_limit_near' | 'plan_limit_reached'>, webUrl: string): Content {
  const reached = mail.template === 'plan_limit_reached'
  return {
    subject: reached
      ? 'Your plan’s events of this month are used up'
      : 'Your plan’s events of this month are running out',
    blocks: [
      say(
        reached
          ? 'Your organisation has used all the events that its plan has for this month.'
          : 'Your organisation has used most of the events that its plan has for this month.',
      ),
      {
        kind: 'facts',
        rows: [
          ['Organisation', plainName(mail.organization)],
          ['Month', plainName(mail.month, 20)],
          ['Events', `${count(mail.count)} of ${count(mail.limit)}`],
        ],
      },
      say(
        'Agents go on working, and every decision is still enforced and recorded. A larger plan can be chosen at any time.',
      ),
    ],
    ...notification('you administer this organisation', webUrl),
  }
}

function pendingApproval(mail: Of<'pending_approval'>, webUrl: string): Content {
  return {
    subject: 'A tool call waits for your approval',
    blocks: [
      say('An agent wants to do something that a policy leaves to a person:'),
      {
        kind: 'facts',
        rows: [
          ['Project', plainName(mail.project)],
          ['Tool', plainName(mail.tool, 120)],
          ['Agent', mail.agent === null ? 'not named' : plainName(mail.agent)],
        ],
      },
      { kind: 'button', label: 'See what it asks for', url: mail.url },
      say(`Without an answer it is refused at ${time(mail.expires_at)}.`),
    ],
    ...notification('you may approve calls of this project', webUrl),
  }
}

function quarantinedTool(mail: Of<'quarantined_tool'>, webUrl: string): Content {
  return {
    subject: 'A tool has changed and is blocked',
    blocks: [
      say(
        'A tool of an upstream server says something else of itself than when it was accepted. Agents cannot use it until somebody has looked at the difference.',
      ),
      {
        kind: 'facts',
        rows: [
          ['Project', plainName(mail.project)],
          ['Server', plainName(mail.upstream)],
          ['Tool', plainName(mail.tool, 120)],
        ],
      },
      { kind: 'button', label: 'See the difference', url: mail.url },
    ],
    ...notification('you administer this project', webUrl),
  }
}

/** Of a mail that a person may do without. */
function notification(why: string, webUrl: string): { because: string; footer: string[] } {
  return {
    because: `because ${why}.`,
    footer: [`You choose which of these mails you get in your settings: ${webUrl}/app/settings`],
  }
}
