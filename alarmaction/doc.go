// Package alarmaction carries out what alarms do: it posts notifications to web addresses as Amazon SNS would, and changes
// the parallelism of applications with the rights of a role. What it does not know it refuses; it never decides whether an
// action is due.
package alarmaction
