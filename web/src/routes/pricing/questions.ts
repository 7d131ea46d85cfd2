/** Asked before paying, and answered by what the product does. */
export const QUESTIONS: readonly { question: string; answer: string }[] = [
  {
    question: 'What happens past the month’s events?',
    answer:
      'Nothing is cut off. Calls are still decided, enforced and recorded; answers carry a warning, and owners and admins get a mail at 80 and at 100 percent.',
  },
  {
    question: 'What counts as an event?',
    answer:
      'A decision at the gateway or by POST /policy/evaluate, and an event that a program reports. A month is a calendar month of UTC, whatever the billing period is.',
  },
  {
    question: 'What happens past the number of projects?',
    answer: 'Making another one is refused. Those that exist go on working.',
  },
  {
    question: 'When does a change of plan begin?',
    answer:
      'To a larger plan, or to paying by the year, at once. To a smaller one when the running period ends; until then you can take it back.',
  },
  {
    question: 'What do I pay when a period ends early?',
    answer:
      'Its share of the price, by the time that has passed. Nothing is paid in advance: a period is invoiced when it is over, and is due in 14 days.',
  },
  {
    question: 'Can I go to a smaller plan with more projects than it has?',
    answer:
      'Not at once: the change is refused with the numbers until there are few enough. No project is removed for you.',
  },
  {
    question: 'What happens to old records?',
    answer:
      'They can be read for as long as the plan in force says, and are removed after that. Export them before you go to a plan that keeps them for a shorter time.',
  },
  {
    question: 'How do we pay?',
    answer:
      'By invoice. Owners and admins see every invoice, and the running one as of now, on the billing page.',
  },
]
