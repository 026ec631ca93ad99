package bus

// Mails is the topic of the list of mails.
const Mails Topic = "mails"
