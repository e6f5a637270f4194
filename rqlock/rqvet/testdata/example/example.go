// Package example has a mistake for the package's example.
package example

import "github.com/rqlock/rqlock/rqlock"

type Account struct {
	rqlock.Mutex
	balance int
}

func (a *Account) Balance() (int, error) {
	if err := a.Lock(); err != nil {
		return 0, err
	}
	defer a.Unlock()
	return a.balance, nil
}

func (a *Account) Withdraw(n int) error {
	if err := a.Lock(); err != nil {
		return err
	}
	defer a.Unlock()
	if balance, err := a.Balance(); err != nil || balance < n { // want `selfdeadlock`
		return err
	}
	a.balance -= n
	return nil
}
