package order

func (f *files) inLast() error {
	if err := f.last.Lock(); err != nil {
		return err
	}
	defer f.last.Unlock()
	if err := f.first.Lock(); err != nil { // want `lockorder`
		return err
	}
	f.first.Unlock()
	return nil
}
